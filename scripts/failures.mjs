import { relative } from "node:path";
import { root } from "./prepare.mjs";

/** The failed tests of a vitest report with the head of each message; the run itself where none failed. */
export function failuresIn(name, report) {
  const files = (report?.testResults ?? []).filter(({ status }) => status === "failed");
  const lines = files.flatMap((file) => {
    const tests = file.assertionResults.filter(({ status }) => status === "failed");
    const told = tests.map(({ fullName, failureMessages }) => [fullName, failureMessages.join("\n")]);
    // A file that broke before its tests has a message of its own.
    return (told.length > 0 ? told : [["(the file)", file.message ?? ""]]).map(
      ([title, message]) => `✗ ${name}: ${relative(root, file.name)} > ${title}\n${head(message)}`,
    );
  });
  return lines.length > 0 ? lines : [`✗ ${name}: the run ended with an error, its output is above`];
}

/** The first lines of a message, indented, as much as tells what was expected and where. */
function head(message) {
  return message
    .split("\n")
    .filter((line) => !line.includes("/node_modules/"))
    .slice(0, 12)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join("\n");
}
