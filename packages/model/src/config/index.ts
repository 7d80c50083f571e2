export { duration, ratio, Secret, secret, size } from "./fields.js";
export { type Mask, maskError, maskOf } from "./mask.js";
export { formatProblem, formatProblemLine, type Problem, sortProblems } from "./problem.js";
export {
  type ConfigDocument,
  type ConfigSource,
  type Path,
  type ProblemText,
  readYaml,
} from "./source.js";
export { formatPath, type Validated, validate } from "./validate.js";
