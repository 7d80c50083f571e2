import { render } from "preact";
import { App } from "./app.js";
import { startToken } from "./state/collector.js";
import { startKeys } from "./state/keys.js";
import { startLive } from "./state/live.js";
import { startRouter } from "./state/route.js";
import { startTheme } from "./state/theme.js";
import "uplot/dist/uPlot.min.css";
import "./page.css";

startTheme();
startToken();
startRouter();
startKeys();
const root = document.getElementById("app");
if (root) render(<App />, root);
startLive();
