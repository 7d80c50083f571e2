import type { Alert } from "../state/api-types.js";
import { post } from "../state/live.js";
import { BY, FormDialog } from "./form-dialog.js";

/** Names who has taken an alert on: repeats and escalation stop until it ends. */
export function AcknowledgeDialog({ alert }: { alert: Pick<Alert, "id" | "name"> }) {
  return (
    <FormDialog
      title={`Acknowledge ${alert.name}`}
      opener="Acknowledge"
      fields={[BY, { name: "comment", label: "Comment" }]}
      send={(values) => post(`/api/v1/alerts/${encodeURIComponent(alert.id)}/acknowledge`, values)}
    >
      <p>Repeats and escalation stop. It ends with the alert; it silences nothing else.</p>
    </FormDialog>
  );
}
