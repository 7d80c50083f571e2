import { Mark } from "./mark.js";

const TEXTS = {
  services: {
    cause: "Nothing was received yet.",
    step: "Start a service with the agent; it shows up here with its first request:",
    code: "npm i @tocsin/agent\nnode --import @tocsin/agent/register server.js",
  },
  slos: {
    cause: "No SLO is configured.",
    step: "Write one into tocsin.yaml:",
    code: "slos:\n  - name: checkout-availability\n    service: checkout\n    objective: 99.9%\n    window: 30d\n    sli: { type: availability }",
  },
  alerts: { cause: "No alert fires or fired in the last 15 minutes.", step: "", code: "" },
  silences: { cause: "Nothing is silenced, and nothing was in the last five days.", step: "", code: "" },
  actions: {
    cause: "No action has been considered yet.",
    step: "Actions are named by SLOs and rules, and start in dry-run:",
    code: "actions:\n  - name: rollback-checkout\n    webhook: { url: http://127.0.0.1:8080/rollback }",
  },
} as const;

/** Why there is nothing here, and the one next step. */
export function Empty({ of }: { of: keyof typeof TEXTS }) {
  const { cause, step, code } = TEXTS[of];
  return (
    <>
      <p>
        <Mark tone="none" word={cause} /> {step}
      </p>
      {code !== "" && <pre>{code}</pre>}
    </>
  );
}
