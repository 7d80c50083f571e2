// The agent's main file in `dist`: what `index.ts` offers and what `register.ts` does, in one.
export * from "./index.js";
export { BUNDLED, startByImport } from "./start-by-import.js";
