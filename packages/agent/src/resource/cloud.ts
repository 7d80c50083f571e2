import type { Attributes } from "@opentelemetry/api";
import type { EnvReader } from "../settings/env.js";

/** What cloud platforms say of themselves in environment variables; nothing is asked over the network. */
export function cloudAttributes(env: EnvReader): Attributes {
  for (const { marker, describe } of PLATFORMS) if (env.text(marker) !== undefined) return describe(env);
  return {};
}

interface Platform {
  /** The variable that only this platform sets; those of platforms within platforms come first. */
  readonly marker: string;
  readonly describe: (env: EnvReader) => Attributes;
}

const PLATFORMS: readonly Platform[] = [
  {
    marker: "AWS_LAMBDA_FUNCTION_NAME",
    describe: (env) => ({
      "cloud.provider": "aws",
      "cloud.platform": "aws_lambda",
      "cloud.region": env.text("AWS_REGION"),
      "faas.name": env.text("AWS_LAMBDA_FUNCTION_NAME"),
      "faas.version": env.text("AWS_LAMBDA_FUNCTION_VERSION"),
      "faas.instance": env.text("AWS_LAMBDA_LOG_STREAM_NAME"),
      "faas.max_memory": mebibytes(env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
      "aws.log.group.names": list(env.text("AWS_LAMBDA_LOG_GROUP_NAME")),
      "aws.log.stream.names": list(env.text("AWS_LAMBDA_LOG_STREAM_NAME")),
    }),
  },
  { marker: "ECS_CONTAINER_METADATA_URI_V4", describe: elasticContainer },
  { marker: "ECS_CONTAINER_METADATA_URI", describe: elasticContainer },
  { marker: "FUNCTION_TARGET", describe: (env) => cloudRun(env, "gcp_cloud_functions", "K_SERVICE") },
  { marker: "K_SERVICE", describe: (env) => cloudRun(env, "gcp_cloud_run", "K_SERVICE") },
  {
    marker: "CLOUD_RUN_JOB",
    describe: (env) => ({
      ...cloudRun(env, "gcp_cloud_run", "CLOUD_RUN_JOB"),
      "gcp.cloud_run.job.execution": env.text("CLOUD_RUN_EXECUTION"),
      "gcp.cloud_run.job.task_index": whole(env.text("CLOUD_RUN_TASK_INDEX")),
    }),
  },
  {
    marker: "GAE_SERVICE",
    describe: (env) => ({
      ...cloudRun(env, "gcp_app_engine", "GAE_SERVICE"),
      "faas.version": env.text("GAE_VERSION"),
      "faas.instance": env.text("GAE_INSTANCE"),
    }),
  },
  {
    marker: "FUNCTIONS_WORKER_RUNTIME",
    describe: (env) => ({
      ...appService(env),
      "cloud.platform": "azure.functions",
      "faas.name": env.text("WEBSITE_SITE_NAME"),
      "faas.instance": env.text("WEBSITE_INSTANCE_ID"),
      "faas.max_memory": mebibytes(env, "WEBSITE_MEMORY_LIMIT_MB"),
    }),
  },
  { marker: "WEBSITE_SITE_NAME", describe: appService },
  {
    marker: "CONTAINER_APP_NAME",
    describe: () => ({ "cloud.provider": "azure", "cloud.platform": "azure.container_apps" }),
  },
  {
    marker: "FLY_APP_NAME",
    describe: (env) => ({ "cloud.provider": "fly_io", "cloud.region": env.text("FLY_REGION") }),
  },
  {
    marker: "DYNO",
    describe: (env) => ({
      "cloud.provider": "heroku",
      "heroku.app.id": env.text("HEROKU_APP_ID"),
      "heroku.dyno": env.text("DYNO"),
    }),
  },
  {
    marker: "VERCEL",
    describe: (env) => ({ "cloud.provider": "vercel", "cloud.region": env.text("VERCEL_REGION") }),
  },
];

function elasticContainer(env: EnvReader): Attributes {
  const launchType = env.text("AWS_EXECUTION_ENV")?.replace("AWS_ECS_", "").toLowerCase();
  return {
    "cloud.provider": "aws",
    "cloud.platform": "aws_ecs",
    "cloud.region": env.text("AWS_REGION") ?? env.text("AWS_DEFAULT_REGION"),
    "aws.ecs.launchtype": launchType === "fargate" || launchType === "ec2" ? launchType : undefined,
  };
}

function cloudRun(env: EnvReader, platform: string, name: string): Attributes {
  return {
    "cloud.provider": "gcp",
    "cloud.platform": platform,
    "cloud.account.id": env.text("GOOGLE_CLOUD_PROJECT"),
    "faas.name": env.text(name),
    "faas.version": env.text("K_REVISION"),
  };
}

/** The subscription's id is the first part of the owner's name. */
function appService(env: EnvReader): Attributes {
  const subscription = env.text("WEBSITE_OWNER_NAME")?.split("+", 1)[0];
  const group = env.text("WEBSITE_RESOURCE_GROUP");
  const site = env.text("WEBSITE_SITE_NAME");
  return {
    "cloud.provider": "azure",
    "cloud.platform": "azure.app_service",
    "cloud.region": env.text("REGION_NAME"),
    "cloud.account.id": subscription,
    "cloud.resource_id":
      subscription === undefined || group === undefined
        ? undefined
        : `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Web/sites/${site}`,
  };
}

function list(text: string | undefined): string[] | undefined {
  return text === undefined ? undefined : [text];
}

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function mebibytes(env: EnvReader, name: string): number | undefined {
  const size = whole(env.text(name));
  return size === undefined ? undefined : size * 1024 * 1024;
}
