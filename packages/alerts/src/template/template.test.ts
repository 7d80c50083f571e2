import { describe, expect, test } from "vitest";
import { executeTemplate } from "./execute.js";
import { GoTime } from "./go-time.js";
import { notificationFunctions } from "./notification-data.js";
import { formatFloat, sprintf } from "./printf.js";
import { expandRuleTemplate } from "./rule-data.js";

const rule = (
  text: string,
  value = 0.5,
  labels: Record<string, string> = { job: "api", instance: "a.example.org:9100" },
) =>
  expandRuleTemplate(
    text,
    { labels, value, externalLabels: { region: "eu" }, externalUrl: "http://host/base" },
    async (query): Promise<{ labels: Record<string, string>; value: number }[]> =>
      query === "none"
        ? []
        : [
            { labels: { job: "b", __value__: "x" }, value: 2 },
            { labels: { job: "a" }, value: 1 },
          ],
    1_700_000_000_000,
  );

describe("rules", () => {
  test.each([
    ["plain", "plain"],
    ["{{ $labels.job }}/{{ .Labels.job }}/{{ $externalLabels.region }}/{{ $value }}", "api/api/eu/0.5"],
    ["[{{ $labels.missing }}]", "[]"],
    ["{{ $labels }}", "map[instance:a.example.org:9100 job:api]"],
    ["a {{- 1 -}} b", "a1b"],
    ["{{/* nothing */}}x{{- /* trimmed */ -}} y", "xy"],
    ["{{ if gt $value 0.3 }}high{{ else if gt $value 0.1 }}mid{{ else }}low{{ end }}", "high"],
    ["{{ with $labels.missing }}{{ . }}{{ else }}none{{ end }}", "none"],
    ["{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}", "instance=a.example.org:9100;job=api;"],
    ['{{ range query "x" }}{{ .Labels.job }}{{ .Value }} {{ end }}', "b2 a1 "],
    ['{{ range query "x" | sortByLabel "job" }}{{ .Labels.job }}{{ end }}', "ab"],
    ['{{ range query "none" }}{{ else }}empty{{ end }}', "empty"],
    [
      '{{ query "x" | first | value }} {{ query "x" | first | label "job" }} {{ query "x" | first | strvalue }}',
      "2 b x",
    ],
    ['{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" $value }}', "<0.5>"],
    ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"],
    ['{{ range $i, $q := query "x" }}{{ if eq $i 1 }}{{ break }}{{ end }}{{ $i }}{{ end }}', "0"],
    [
      '{{ printf "%.2f%% %5d|%-5s|%q %v %t" $value 7 "ab" "c" $labels.job true }}',
      '0.50%     7|ab   |"c" api true',
    ],
    [
      "{{ 1234567.0 }} {{ 1e6 }} {{ 1000000 }} {{ 0.00001 }} {{ 123456.0 }}",
      "1.234567e+06 1e+06 1000000 1e-05 123456",
    ],
    [
      "{{ humanize 1234.5 }} {{ humanize 0.00012 }} {{ humanize1024 1048576.0 }} {{ humanizePercentage 0.1234 }}",
      "1.234k 120u 1Mi 12.34%",
    ],
    [
      "{{ humanizeDuration 90061.0 }} {{ humanizeDuration 0.0025 }} {{ humanizeDuration 59.9 }} {{ humanizeDuration 60 }}",
      "1d 1h 1m 1s 2.5ms 59.9s 1m 0s",
    ],
    [
      '{{ stripDomain "a.b:" }} {{ stripDomain "[::1]:80" }} {{ stripPort "host:http" }} {{ stripPort "a:b:c" }}',
      "a [::1]:80 host a:b:c",
    ],
    ['{{ (toTime 1700000000.0).Format "2006-01-02" }}', "2023-11-14"],
    ["{{ humanizeTimestamp 1700000000.0 }}", "2023-11-14 22:13:20 +0000 UTC"],
    ["{{ $labels.instance | stripPort }} {{ $labels.instance | stripDomain }}", "a.example.org a:9100"],
    [
      '{{ reReplaceAll "(\\\\w+)\\\\.example" "$1" $labels.instance }} {{ match "^a" $labels.instance }}',
      "a.org:9100 true",
    ],
    ['{{ "hello world" | title }} {{ toUpper "a" }} {{ toLower "A" }}', "Hello World A a"],
    [
      '{{ externalURL }} {{ pathPrefix }} {{ tableLink "up" }}',
      "http://host/base /base /graph?g0.expr=up&g0.tab=1",
    ],
    [
      '{{ and true 0 }} {{ or "" "x" }} {{ not true }} {{ len $labels }} {{ index $labels "job" }}',
      "0 x false 2 api",
    ],
    ['{{ eq $labels.job "x" "api" }} {{ ne 1 2 }} {{ lt 1.5 2.5 }} {{ ge "b" "a" }}', "true true true true"],
    [
      '{{ parseDuration "1h30m" }} {{ (args 1 2).arg1 }} {{ `raw "x"` }} {{ print 1 2 "a" }}',
      '5400 2 raw "x" 1 2a',
    ],
    [
      '{{ slice "abcdef" 1 3 }} {{ html "<a>" }} {{ urlquery "a b" }} {{ js "it\'s" }}',
      "bc &lt;a&gt; a+b it\\'s",
    ],
  ])("%s", async (text, want) => {
    expect(await rule(text)).toBe(want);
  });

  test.each([
    ["{{ $nope }}", '1:4 undefined variable "$nope".'],
    ["a\n  {{ nope }}", '2:6 function "nope" is not defined.'],
    ["{{ if true }}x", "1:1 {{if}} without {{end}}."],
    ["{{ end }}", "1:1 unexpected {{end}}: nothing is open here."],
    ["{{ .Labels.job", "1:1 {{ without }}."],
    ['{{ template "x" }}', '1:1 there is no template named "x".'],
    ["{{ gt $value 5 }}", "1:4 error calling gt: incompatible types for comparison: float and int."],
    ['{{ query "none" | first }}', "1:19 error calling first: first() called on vector with no elements."],
    [
      "{{ .Nope }}",
      "1:4 can't evaluate field Nope in this value, which has .Labels, .ExternalLabels, .ExternalURL, .Value.",
    ],
    [
      '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}',
      '1:17 the template "a" calls itself without end.',
    ],
    ["{{ break }}", "1:1 {{break}} outside {{range}}."],
  ])("%s fails at its place", async (text, want) => {
    await expect(rule(text)).rejects.toThrow(want);
  });
});

test("Alertmanager's functions", () => {
  const functions = notificationFunctions(1_700_000_000_000);
  const data = { T: new GoTime(1_699_999_000_000) };
  const run = (text: string) => executeTemplate(text, data, { functions });
  expect(run('{{ list "b" "a" | join "," }} {{ trimSpace " x " }} {{ stringSlice "a" "b" | len }}')).toBe(
    "b,a x 2",
  );
  expect(run('{{ date "2006-01-02 15:04" .T }} {{ .T | tz "Europe/Berlin" | date "15:04 MST" }}')).toBe(
    "2023-11-14 21:56 22:56 CET",
  );
  expect(run("{{ since .T }} {{ since .T | humanizeDuration }}")).toBe("16m40s 16m 40s");
  expect(run('{{ toJson (dict "a" 1 "b" "x") }} {{ append (list 1) 2 }}')).toBe('{"a":1,"b":"x"} [1 2]');
});

test.each([
  ["Europe/Berlin", "22:56 CET"],
  ["America/New_York", "16:56 EST"],
  ["Australia/Sydney", "08:56 AEDT"],
  ["Asia/Tokyo", "06:56 JST"],
  ["Asia/Singapore", "05:56 +08"],
  ["Asia/Kathmandu", "03:41 +0545"],
])("a time in %s is named as the time zone database does", (zone, want) => {
  const functions = notificationFunctions(0);
  const data = { T: new GoTime(1_699_999_000_000), zone };
  expect(executeTemplate('{{ .T | tz .zone | date "15:04 MST" }}', data, { functions })).toBe(want);
});

test("methods of times, titles and replacements as Alertmanager has them", () => {
  const functions = notificationFunctions(0);
  const run = (text: string) => executeTemplate(text, { T: new GoTime(1_699_999_000_500) }, { functions });
  expect(run('{{ (.T | tz "UTC").Weekday }} {{ (.T | tz "UTC").Month }} {{ (.T | tz "UTC").YearDay }}')).toBe(
    "Tuesday November 318",
  );
  expect(
    run('{{ (.T | tz "UTC").Truncate 3600000000000 }} {{ ((.T | tz "UTC").Add 60000000000).Minute }}'),
  ).toBe("2023-11-14 21:00:00 +0000 UTC 57");
  expect(run('{{ "hello wORLD of foo_BAR it\'s" | title }}')).toBe("Hello World Of Foo_bar It's");
  expect(run('{{ reReplaceAll "a" "$1x" "ba" }}|{{ reReplaceAll "(a)" "${1}x" "ba" }}')).toBe("b|bax");
  expect(() => run("{{ nil }}")).toThrow("nil is not a command");
});

test("HTML output escapes values and leaves safe text", () => {
  const functions = notificationFunctions(0);
  expect(executeTemplate("<b>{{ . }}</b>{{ . | safeHtml }}", "<i>", { functions, isHtml: true })).toBe(
    "<b>&lt;i&gt;</b><i>",
  );
});

test.each([
  ["%d apples", [3n], "3 apples"],
  ["%d", ["x"], "%!d(string=x)"],
  ["%s %s", ["a"], "a %!s(MISSING)"],
  ["%s", ["a", 1n], "a%!(EXTRA int=1)"],
  ["%06.2f|%+d|%x|%e", [3.1077, 5n, 255n, 1234.5], "003.11|+5|ff|1.234500e+03"],
  ["%v %v %v", [[1n, 2n], new Map([["a", "b"]]), undefined], "[1 2] map[a:b] <nil>"],
  ["100%", [], "100%!(NOVERB)"],
  ["%.0f %.0f %.1f %.4g %.1e", [0.5, 1.5, 2.25, 1234.5, 1.25], "0 2 2.2 1234 1.2e+00"],
  ["%#x %#o %#b %#X", [255n, 8n, 5n, -255n], "0xff 010 0b101 -0XFF"],
  ["%[2]s %[1]s", ["a", "b"], "b a"],
])("sprintf(%s)", (format, args, want) => {
  expect(sprintf(format, args)).toBe(want);
});

test("numbers print as Go prints them", () => {
  expect(
    [0, 1, 0.1, 1e21, 1e-7, 123456789, Infinity, -Infinity, Number.NaN].map((value) =>
      formatFloat(value, "g", -1),
    ),
  ).toEqual(["0", "1", "0.1", "1e+21", "1e-07", "1.23456789e+08", "+Inf", "-Inf", "NaN"]);
});
