// `node --import @tocsin/agent/register server.js`, or the first import of a service.
import { startByImport } from "./start-by-import.js";

startByImport();
