import { useSignalEffect } from "@preact/signals";
import { ActionsPage } from "./pages/actions-page.js";
import { AlertPage } from "./pages/alert-page.js";
import { AlertsPage } from "./pages/alerts-page.js";
import { Overview } from "./pages/overview.js";
import { ServicePage } from "./pages/service-page.js";
import { ServicesPage } from "./pages/services-page.js";
import { SilencesPage } from "./pages/silences-page.js";
import { SloPage } from "./pages/slo-page.js";
import { SlosPage } from "./pages/slos-page.js";
import { KeyHelp } from "./parts/key-help.js";
import { Link } from "./parts/link.js";
import { Mark } from "./parts/mark.js";
import { TokenForm } from "./parts/token-form.js";
import { tokenWanted } from "./state/collector.js";
import { time } from "./state/format.js";
import { isHelpOpen } from "./state/keys.js";
import { firing, isLive, nowMs, silentSinceMs, status } from "./state/live.js";
import { route } from "./state/route.js";
import { theme, toggleTheme } from "./state/theme.js";

const PLACES = [
  { to: "/", icon: "◎", word: "Overview", pages: ["overview"] },
  { to: "/services", icon: "▤", word: "Services", pages: ["services", "service"] },
  { to: "/slos", icon: "◔", word: "SLOs", pages: ["slos", "slo"] },
  { to: "/alerts", icon: "◆", word: "Alerts", pages: ["alerts", "alert"] },
  { to: "/silences", icon: "◌", word: "Silences", pages: ["silences"] },
  { to: "/actions", icon: "⟳", word: "Actions", pages: ["actions", "action"] },
] as const;

/** The whole page: rail, bar, and whatever the address asks for. */
export function App() {
  useSignalEffect(() => {
    const count = firing.value.length;
    document.title = count > 0 ? `(${count}) Tocsin` : "Tocsin";
  });
  const current: string = route.value.page;
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <div class="frame">
        <nav class="rail" aria-label="Pages">
          <p class="name">Tocsin</p>
          <ul>
            {PLACES.map(({ to, icon, word, pages }) => (
              <li key={to}>
                <Link to={to} isCurrent={pages.some((page) => page === current)}>
                  <span aria-hidden="true">{icon}</span>
                  <span>{word}</span>
                  {to === "/alerts" && firing.value.length > 0 && (
                    <Mark tone="page" word={`${firing.value.length} firing`} />
                  )}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div>
          <Bar />
          <TokenForm />
          <NoAnswer />
          <RefusedConfig />
          <main id="content" tabIndex={-1}>
            <Page />
          </main>
        </div>
      </div>
      <KeyHelp />
    </>
  );
}

function Page() {
  const at = route.value;
  switch (at.page) {
    case "overview":
      return <Overview />;
    case "services":
      return <ServicesPage />;
    case "service":
      return <ServicePage name={at.name} />;
    case "slos":
      return <SlosPage />;
    case "slo":
      return <SloPage name={at.name} />;
    case "alerts":
      return <AlertsPage />;
    case "silences":
      return <SilencesPage />;
    case "alert":
      return <AlertPage name={at.name} />;
    case "actions":
      return <ActionsPage chosen={undefined} />;
    case "action":
      return <ActionsPage chosen={at.name} />;
    case "unknown":
      return (
        <section>
          <h1>There is no page at {at.path}</h1>
          <p>
            It may be of a newer version. <Link to="/">Go to the overview</Link>.
          </p>
        </section>
      );
  }
}

function Bar() {
  return (
    <header class="bar">
      <span class="grow">
        {isLive.value ? `live · ${time(nowMs.value)}` : `held at ${time(nowMs.value)}`}
      </span>
      <button
        type="button"
        aria-pressed={isLive.value}
        onClick={() => {
          isLive.value = !isLive.value;
        }}
      >
        Live
      </button>
      <button type="button" onClick={toggleTheme}>
        Theme<span class="muted"> ({theme.value})</span>
      </button>
      <button
        type="button"
        onClick={() => {
          isHelpOpen.value = true;
        }}
      >
        Keys
      </button>
    </header>
  );
}

/** A configuration that could not be taken: what runs is not what the files say. */
function RefusedConfig() {
  const reload = status.value.data?.reload;
  if (!reload?.error) return null;
  return (
    <div class="banner" role="status">
      <details>
        <summary>
          <Mark tone="warn" word="configuration not taken" /> The files read at {time(reload.failedAt)} have a
          fault; what was read at {time(reload.loadedAt)} stays in use.
        </summary>
        <pre>{reload.error}</pre>
      </details>
    </div>
  );
}

/** Old data stays on the page; this says how old it is. */
function NoAnswer() {
  const sinceMs = silentSinceMs.value;
  if (sinceMs === undefined || tokenWanted.value !== undefined) return null;
  return (
    <p class="banner" role="status">
      <Mark tone="warn" word="no answer" /> The collector does not answer
      {sinceMs === 0 ? "." : `; showing ${time(sinceMs)}.`} The page goes on asking every two seconds.
    </p>
  );
}
