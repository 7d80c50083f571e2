// What both sides are given: rules, routes, samples, silences and posted alerts. Time is cut into frames of ten seconds, and
// every kind of change has its own seconds of a frame, so that the second of difference that two servers may have
// never decides whether a change is in one notification or in the next (one piece, for all of it shares these frames):
//   0-1.5 values change and plain alerts follow · 2-3.5 `for: 2s` · 4-5.5 groups are told · 8-9.5 keep_firing_for, late groups
import { STALE } from "../../../promql/test/differential/data.mjs";

export const FRAME_SECONDS = 10;
export const FRAMES = 9;
/** In the middle of the run a minute begins: time intervals have no smaller unit. */
export const MINUTE_FRAME = 4;

export const RULES = `groups:
  - name: errors
    interval: 1s
    rules:
      - record: instance:errors:max
        expr: max by (instance) (errors)
        labels: { recorded: "yes" }
      - alert: HighErrors
        expr: instance:errors:max > 5
        for: 2s
        labels: { severity: page }
        annotations:
          summary: '{{ $labels.instance }} has {{ $value | printf "%.1f" }} errors'
          text: '{{ with query "errors{instance=''a''}" }}{{ . | first | value | humanize }}{{ end }}'
      - alert: SomeErrors
        expr: errors > 1
        keep_firing_for: 8s
        labels: { severity: ticket }
      - alert: SeenByAlerts
        expr: count by (instance) (ALERTS{alertname="HighErrors",alertstate="firing"}) and on (instance) ALERTS_FOR_STATE{alertname="HighErrors"} > 1e9
        labels: { team: chain }
        annotations: { summary: '{{ $value }} of {{ $externalLabels.cluster }}' }
  - name: quiet
    interval: 1s
    rules:
      - alert: NoHeartbeat
        expr: absent(heartbeat == 1) and on () errors{instance="a"}
        for: 2s
        labels: { severity: ticket, team: '{{ if eq $value 1.0 }}core{{ else }}none{{ end }}' }
      - alert: NoSuchSeries
        expr: absent(nowhere{job="shop",zone=~"e.*",rack="r1"}) and on () errors{instance="a"} > 1
        labels: { team: absent }
      - alert: Gone
        expr: absent_over_time(leaves{job="shop"}[2s]) and on () errors{instance="a"}
        labels: { team: absent }
      - alert: Leaves
        expr: leaves == 1 and on () errors{instance="a"} > 1
        labels: { team: absent }
      - record: errors:is_high
        expr: scalar(max(errors)) > bool 5
      - alert: Scalar
        expr: errors:is_high == 1
        labels: { team: scalar }
        annotations: { summary: 'value {{ $value }}' }
  - name: many
    interval: 1s
    rules:
      - alert: ShardDown
        expr: shard_up == 0
        labels: { severity: '{{ if match "^.$" $labels.shard }}page{{ else }}ticket{{ end }}', team: shards, instance: "" }
        annotations: { summary: 'shard {{ $labels.shard }} of {{ with query "count(shard_up)" }}{{ . | first | value }}{{ end }}' }
  - name: limited
    interval: 1s
    limit: 3
    rules:
      - record: shard:down:limited
        expr: shard_up{shard=~"[0-9]"} == 0
      - alert: Limited
        expr: shard_up{shard=~"[0-4]"} == 0
        labels: { team: limited }
      - alert: LimitedPending
        expr: shard_up{shard=~"[0-4]"} == 0
        for: 1h
        labels: { team: limited }
  - name: faulty
    interval: 1s
    rules:
      - alert: SameLabels
        expr: errors > 1
        labels: { team: faulty, instance: one }
      - record: same:labels
        expr: errors
        labels: { instance: one }
      - alert: ManyToMany
        expr: errors * on (job) owner > 1
        labels: { team: faulty }
      - alert: BadTemplate
        expr: errors{instance="a"} > 1
        labels: { team: faulty }
        annotations: { good: 'still here', bad: '{{ template "nowhere" }}', wrong: '{{ $labels | first }}' }
  - name: rates
    interval: 1s
    rules:
      - record: job:ratio
        expr: sum by (job) (rate(requests_total{code=~"5.."}[5s])) / sum by (job) (rate(requests_total[5s]))
      - alert: ErrorRatio
        expr: job:ratio > 0.05
        labels: { team: rates }
      - alert: Slow
        expr: histogram_quantile(0.9, sum by (le, job) (rate(latency_bucket[5s]))) > 0.5
        labels: { team: rates }
      - alert: Predicted
        expr: predict_linear(disk_free[6s], 3600) < 0
        for: 1h
        labels: { team: rates }
  - name: flapping
    interval: 1s
    rules:
      - alert: Flaps
        expr: flap == 1
        for: 5s
        labels: { team: flap }
      - alert: FlapsAtOnce
        expr: max_over_time(flap[2s]) == 1
        labels: { team: flap }
  - name: words
    interval: 1s
    rules:
      - alert: Words
        expr: disk_free{device="sda"} > 5 and disk_free{device="sda"} < 1e15
        labels: { team: words, '__tmp': '{{ $labels.device | toUpper }}' }
        annotations:
          humanize: '{{ humanize 1234567.8 }} {{ humanize1024 123456 }} {{ humanizeDuration 93784.5 }} {{ humanizePercentage 0.12345 }} {{ humanizeTimestamp 1435065584.128 }}'
          small: '{{ humanize 0.000123 }} {{ humanize -0.5 }} {{ humanize 0.0 }} {{ humanizeDuration 0.0015 }} {{ humanizeDuration -7200.25 }}'
          text: '{{ title "two words" }} {{ toUpper "up" }} {{ toLower "DOWN" }} {{ reReplaceAll "(.*):.*" "$1" "host:80" }} {{ match "a.c" "abc" }} {{ stripPort "host:9" }} {{ stripDomain "a.b.c:1" }}'
          links: '{{ graphLink "up == 1" }} {{ tableLink "rate(x[5m])" }} {{ externalURL }} {{ pathPrefix }}'
          query: '{{ range query "errors" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }} {{ end }}{{ query "errors" | len }}'
          first: '{{ with query "errors > 1e9" }}some{{ else }}none{{ end }} {{ label "job" (query "heartbeat" | first) }} {{ strvalue (query "heartbeat" | first) }}'
          logic: '{{ $x := 3.0 }}{{ if and (gt $x 2.0) (lt $x 4.0) (ne $x 3.5) (not false) }}in{{ end }} {{ or "" "b" }} {{ index (args 1 2 3) "arg1" }} {{ len "abc" }} {{ printf "%05.2f|%-4s|%q|%v|%d" 3.14159 "a" "q" true 7 }}'
          args: '{{ define "t" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "t" (args "x" 2) }}'
          space: "a  {{- 1 -}}  b {{/* no */}}c\\n{{ \\"\\\\u00e9\\" }} {{ print 1 2 \\"x\\" }} {{ html \\"<b>\\" }} {{ urlquery \\"a b&c\\" }} {{ js \\"'\\" }} {{ slice \\"abcdef\\" 1 3 }}"
          duration: '{{ parseDuration "1h30m" }} {{ 1435065584.128 | toTime }}'
          value: '{{ $value }} {{ .Value }} {{ .Labels.device }} {{ $externalURL }} {{ .ExternalLabels.cluster }}'
      - alert: Infinite
        expr: disk_free{device="inf"} > 5
        labels: { team: words }
        annotations: { summary: '{{ $value }} {{ humanize $value }} {{ humanizeDuration $value }}' }
      - alert: NotANumber
        expr: disk_free{device="nan"} != 1
        labels: { team: words }
        annotations: { summary: '{{ $value }} {{ humanize $value }} {{ humanizePercentage $value }}' }
  - name: silenced
    interval: 1s
    rules:
      - alert: SilencedLater
        expr: errors{instance="c"} == 3
        labels: { team: silence, kind: maintenance }
  - name: timed
    interval: 1s
    rules:
      - alert: Timed
        expr: phase > 0
        labels: { team: timed, phase: '{{ $value }}' }
  - name: inhibiting
    interval: 1s
    rules:
      - alert: Upstream
        expr: errors{instance="b"} >= 8
        labels: { team: inhibit, tier: upstream }
      - alert: Downstream
        expr: errors{instance="a"} >= 10
        labels: { team: inhibit, tier: downstream }
      - alert: BothSides
        expr: errors > 2
        labels: { team: inhibit, tier: both, side: '{{ $labels.instance }}' }
`;

/** @param minute a `Date` at the full minute that begins with frame MINUTE_FRAME */
export function alertmanagerConfig(url, minute) {
  const utc = timesFrom(minute, "UTC");
  const kathmandu = timesFrom(minute, "Asia/Kathmandu");
  const otherMonth = ((minute.getUTCMonth() + 6) % 12) + 1;
  return `global: { resolve_timeout: 15s }
time_intervals:
  - name: from the minute on
    time_intervals: [{ times: [${utc}] }]
  - name: the same elsewhere
    time_intervals: [{ times: [${kathmandu}], location: Asia/Kathmandu }]
  - name: another month
    time_intervals: [{ months: ["${otherMonth}"] }, { years: ["1999:2005"], days_of_month: ["-1"], weekdays: ["monday:friday"] }]
route:
  receiver: first
  group_by: [alertname]
  group_wait: 4s
  group_interval: 10s
  repeat_interval: 1h
  routes:
    - matchers: [severity = ticket, team !~ ".+"]
      receiver: second
      group_by: [alertname, instance]
      continue: true
    - matchers: ['team =~ "co.*"']
      receiver: third
      group_by: ['...']
      continue: true
    - matchers: [severity = page, team != shards]
      receiver: repeating
      repeat_interval: 15s
      group_by: [instance]
      continue: true
    - matchers: [team = shards]
      receiver: shards
      routes:
        - matchers: ['shard =~ "1."']
          receiver: each
          group_by: ['...']
          continue: true
        - match_re: { shard: ".*5" }
          receiver: five
          group_by: [severity]
          continue: true
        - match: { severity: ticket }
          receiver: cut
    - matchers: ['{team="limited"}']
      receiver: limited
      group_wait: 8s
    - match: { team: rates }
      receiver: rates
      group_wait: 8s
    - matchers: ['team=~"flap|faulty|words|absent|scalar|chain"']
      receiver: plain
      group_by: [team, alertname]
    - matchers: [team=silence]
      receiver: silent
    - matchers: [team=timed]
      receiver: plain
      routes:
        - { receiver: until, mute_time_intervals: [from the minute on], continue: true }
        - { receiver: until elsewhere, mute_time_intervals: [another month, the same elsewhere], continue: true }
        - { receiver: from, active_time_intervals: [another month, from the minute on], continue: true }
        - { receiver: never, active_time_intervals: [another month], continue: true }
        - { receiver: always, mute_time_intervals: [another month] }
    - matchers: [team=inhibit]
      receiver: inhibited
      group_by: [alertname, side]
    - matchers: [source=posted]
      receiver: posted
      group_by: []
inhibit_rules:
  - source_matchers: [severity = page]
    target_matchers: [severity = ticket, team !~ ".+"]
    equal: [instance]
  - source_match: { tier: upstream }
    target_match_re: { tier: "down.*" }
    equal: [cluster, nowhere]
  - source_matchers: [tier = both, side != c]
    target_matchers: [tier = both]
    equal: [job]
receivers:
${[
  "first",
  "repeating",
  "five",
  "shards",
  "each",
  "limited",
  "rates",
  "plain",
  "silent",
  "until",
  "until elsewhere",
  "from",
  "never",
  "always",
  "inhibited",
  "posted",
]
  .map((name) => `  - { name: ${name}, webhook_configs: [{ url: "${url}/${name.replace(" ", "-")}" }] }`)
  .join("\n")}
  - { name: second, webhook_configs: [{ url: "${url}/second", send_resolved: true, max_alerts: 1 }] }
  - { name: third, webhook_configs: [{ url: "${url}/third", send_resolved: false }] }
  - name: cut
    webhook_configs: [{ url: "${url}/cut", max_alerts: 7 }, { url: "${url}/cut-firing", max_alerts: 200, send_resolved: false }]
`;
}

/** From a minute on for ten minutes, as a time interval has it, or to the end of the day. */
function timesFrom(minute, timeZone) {
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  const start = clock.format(minute);
  const end = clock.format(minute.getTime() + 600_000);
  return `{ start_time: "${start}", end_time: "${end < start ? "24:00" : end}" }`;
}

/** One value a frame; what lies between keeps it. */
const ERRORS = {
  a: [0, 10, 10, 10, 10, 0, 0, 10, 0],
  b: [0, 0, 8, 3, 3, 3, 0, 8, 0],
  c: [0, 0, 0, 3, 3, 3, 3, 0, 0],
};
const HEARTBEAT = [1, 1, 0, 0, 1, 1, 0, 1, 1];
const LEAVES = [1, 1, 1, STALE, undefined, undefined, 1, 1, 1];
/** How many of the shards are down. */
const DOWN = [0, 2, 100, 150, 20, 5, 2, 0, 0];
const PHASE = [0, 1, 1, 2, 2, 3, 0, 0, 4];
const ERROR_RATIO = [0, 0, 0.5, 0.5, 0, 0, 0.5, 0, 0];
const DISK_FREE = [1, 1_234_567.891, 10, 2e15, 0.5, 123_456, 7, 0, 0];
const SHARDS = 150;

/** All samples of one second of the run, as remote-write series without times. */
export function samplesAt(second) {
  const frame = Math.floor(second / FRAME_SECONDS);
  const inFrame = second % FRAME_SECONDS;
  const series = [];
  const add = (name, labels, value) =>
    value !== undefined && series.push({ labels: { __name__: name, job: "shop", ...labels }, value });
  for (const [instance, values] of Object.entries(ERRORS)) add("errors", { instance }, values[frame]);
  add("owner", { team_of: "x" }, 1);
  // Two owners of one job: the rule that joins them cannot be evaluated for a frame.
  add("owner", { team_of: "y" }, frame === 3 ? 1 : frame === 4 && inFrame === 0 ? STALE : undefined);
  add("heartbeat", {}, HEARTBEAT[frame]);
  add("leaves", {}, LEAVES[frame] === STALE && inFrame > 0 ? undefined : LEAVES[frame]);
  for (let shard = 0; shard < SHARDS; shard++)
    add("shard_up", { shard: String(shard), instance: `host${shard % 7}` }, shard < DOWN[frame] ? 0 : 1);
  const failed = ERROR_RATIO.slice(0, frame).reduce((sum, ratio) => sum + ratio * FRAME_SECONDS, 0);
  const bad = 100 * (failed + ERROR_RATIO[frame] * inFrame);
  add("requests_total", { code: "500" }, bad);
  add("requests_total", { code: "200" }, 100 * second);
  for (const [le, count] of [
    ["0.1", 100 * second],
    ["1", 100 * second + bad],
    ["+Inf", 100 * second + bad],
  ])
    add("latency_bucket", { le }, count);
  add("flap", {}, inFrame < (frame < 5 ? 4 : 7) && frame > 0 ? 1 : 0);
  add("disk_free", { device: "sda" }, DISK_FREE[frame]);
  add("disk_free", { device: "inf" }, frame === 2 ? Number.POSITIVE_INFINITY : 0);
  add("disk_free", { device: "nan" }, frame === 3 ? Number.NaN : 1);
  add("phase", {}, PHASE[frame]);
  return series;
}

/** Requests to Alertmanager's API, by second. */
export const REQUESTS = [
  {
    second: 12,
    path: "/api/v2/alerts",
    body: () => [
      { labels: { alertname: "Posted", source: "posted", empty: "" }, annotations: { summary: "by hand" } },
      {
        labels: { alertname: "PostedWithEnd", source: "posted" },
        startsAt: "2020-01-01T00:00:00.123Z",
        endsAt: instant(60),
        generatorURL: "http://example.org/x",
      },
      { labels: { alertname: "PostedOver", source: "posted" }, endsAt: instant(-60) },
    ],
  },
  {
    second: 27,
    path: "/api/v2/silences",
    body: () => ({
      matchers: [
        { name: "team", value: "sil.*", isRegex: true, isEqual: true },
        { name: "kind", value: "other", isRegex: false, isEqual: false },
      ],
      startsAt: instant(0),
      endsAt: instant(31),
      createdBy: "ana",
      comment: "moving",
    }),
  },
  {
    second: 42,
    path: "/api/v2/alerts",
    body: () => [{ labels: { alertname: "PostedWithEnd", source: "posted" }, endsAt: instant(0) }],
  },
];

function instant(inSeconds) {
  return new Date(Date.now() + inSeconds * 1_000).toISOString();
}

/** Seconds at which both are asked what they know, far from every change. */
export const LOOKS = [7, 17, 27, 37, 47, 57, 67, 77, 87].map((second) => second - 0.4);
