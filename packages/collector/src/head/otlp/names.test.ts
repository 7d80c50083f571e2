import { expect, test } from "vitest";
import { labelName, metricName, type NameKind, unitName } from "./names.js";

test.each<[string, string, NameKind, string]>([
  ["http.server.request.duration", "s", "other", "http_server_request_duration_seconds"],
  ["http.server.active_requests", "{request}", "other", "http_server_active_requests"],
  ["http.requests", "{request}", "counter", "http_requests_total"],
  ["orders_total", "", "counter", "orders_total"],
  ["total.orders", "", "counter", "orders_total"],
  ["system.memory.usage", "By", "other", "system_memory_usage_bytes"],
  ["process.cpu.utilization", "1", "gauge", "process_cpu_utilization_ratio"],
  ["nodejs.eventloop.utilization", "1", "other", "nodejs_eventloop_utilization"],
  ["disk.io", "By/s", "gauge", "disk_io_bytes_per_second"],
  ["disk.io.bytes", "By", "counter", "disk_io_bytes_total"],
  ["queue.rate", "{message}/s", "gauge", "queue_rate_per_second"],
  ["temperature", "Cel", "gauge", "temperature_celsius"],
  ["odd", "furlongs", "gauge", "odd_furlongs"],
  ["2xx.responses", "", "counter", "_2xx_responses_total"],
  ["a..b--c", "", "gauge", "a_b_c"],
])("%s in %s (%s) becomes %s", (name, unit, kind, want) => {
  expect(metricName(name, unit, kind)).toBe(want);
});

test.each([
  ["http.route", "http_route"],
  ["2nd", "key_2nd"],
  ["_hidden", "key_hidden"],
  ["__name", "__name"],
  ["größe", "gr__e"],
])("the attribute %s becomes the label %s", (key, want) => {
  expect(labelName(key)).toBe(want);
});

test("a unit in words", () => {
  expect(unitName("By/s")).toBe("bytes_per_second");
});
