import { until } from "../state/format.js";
import { nowMs, silences } from "../state/live.js";
import { Link } from "./link.js";
import { Mark } from "./mark.js";

/** Silences that end soon while what they mute still fires: nobody shall be woken by surprise. */
export function EndingSilences() {
  const ending = (silences.value.data ?? []).filter(({ endsSoon }) => endsSoon);
  return ending.map(({ id, matchers, mutes, endsAt, createdBy }) => (
    <p key={id} class="banner" role="status">
      <Mark tone="warn" word={`silence ends in ${until(endsAt, nowMs.value)}`} /> <code>{matchers}</code> of{" "}
      {createdBy} still mutes {mutes === 1 ? "an alert that fires" : `${mutes} alerts that fire`}.{" "}
      <Link to="/silences">Silences</Link>
    </p>
  ));
}
