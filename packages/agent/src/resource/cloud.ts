import type { Attributes } from "@opentelemetry/api";
import type { EnvReader } from "../settings/env.js";

/** What cloud platforms say of themselves in environment variables; nothing is asked over the network. */
export function cloudAttributes(env: EnvReader): Attributes {
  for (const { marker, describe } of PLATFORMS) if (env.text(marker) !== undefined) return describe(env);
  return {};
}

interface Platform {
  /** The variable that only this platform sets. */
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
    }),
  },
  {
    marker: "ECS_CONTAINER_METADATA_URI_V4",
    describe: (env) => ({
      "cloud.provider": "aws",
      "cloud.platform": "aws_ecs",
      "cloud.region": env.text("AWS_REGION"),
    }),
  },
  {
    marker: "K_SERVICE",
    describe: (env) => ({
      "cloud.provider": "gcp",
      "cloud.platform": "gcp_cloud_run",
      "faas.name": env.text("K_SERVICE"),
      "faas.version": env.text("K_REVISION"),
    }),
  },
  {
    marker: "GAE_SERVICE",
    describe: (env) => ({
      "cloud.provider": "gcp",
      "cloud.platform": "gcp_app_engine",
      "faas.name": env.text("GAE_SERVICE"),
      "faas.version": env.text("GAE_VERSION"),
    }),
  },
  {
    marker: "WEBSITE_SITE_NAME",
    describe: (env) => ({
      "cloud.provider": "azure",
      "cloud.platform": "azure_app_service",
      "cloud.region": env.text("REGION_NAME"),
      "cloud.resource_id": env.text("WEBSITE_SITE_NAME"),
    }),
  },
  {
    marker: "FLY_APP_NAME",
    describe: (env) => ({ "cloud.provider": "fly_io", "cloud.region": env.text("FLY_REGION") }),
  },
  {
    marker: "DYNO",
    describe: (env) => ({
      "cloud.provider": "heroku",
      "cloud.platform": "heroku",
      "heroku.dyno": env.text("DYNO"),
    }),
  },
  {
    marker: "VERCEL",
    describe: (env) => ({ "cloud.provider": "vercel", "cloud.region": env.text("VERCEL_REGION") }),
  },
];
