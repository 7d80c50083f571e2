import type { ActionRun } from "../state/api-types.js";
import { post } from "../state/live.js";
import { BY, FormDialog } from "./form-dialog.js";
import { RunDetail } from "./run-detail.js";

const ANSWERS = [
  { answer: "decline", word: "Decline" },
  { answer: "approve", word: "Approve" },
] as const;

/** Yes or no to a waiting run: shows the plan once more, asks who and why. Nothing here acts without the last press. */
export function AnswerDialog({ run }: { run: ActionRun }) {
  return (
    <div class="buttons">
      {ANSWERS.map(({ answer, word }) => (
        <FormDialog
          key={answer}
          title={`${word} ${run.action}`}
          opener={word}
          isMain={answer === "approve"}
          fields={[BY, { name: "reason", label: "Reason", isRequired: answer === "decline" }]}
          send={(values) => post(`/api/v1/actions/${encodeURIComponent(run.id)}/${answer}`, values)}
        >
          <RunDetail run={run} />
        </FormDialog>
      ))}
    </div>
  );
}
