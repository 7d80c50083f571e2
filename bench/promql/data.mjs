// The series of the benchmark: what a few hundred Node services expose, about 27 series per instance.

const HANDLERS = ["/", "/cart", "/pay", "/login", "/search"];
const CODES = ["200", "404", "500"];
const BUCKETS = ["0.01", "0.05", "0.1", "0.5", "1", "+Inf"];

/** Labels of `count` series, in an order that mixes metrics as scrapes do. */
export function* seriesLabels(count) {
  let made = 0;
  for (let instance = 0; made < count; instance++) {
    const job = `service-${String(instance % 25).padStart(2, "0")}`;
    const base = {
      job,
      instance: `10.0.${instance >> 8}.${instance & 255}:9464`,
      env: "prod",
      zone: `z${instance % 3}`,
    };
    const own = [];
    for (const handler of HANDLERS) {
      for (const code of CODES) own.push({ __name__: "http_requests_total", handler, code });
    }
    for (const le of BUCKETS) own.push({ __name__: "http_request_duration_seconds_bucket", le });
    own.push(
      { __name__: "http_request_duration_seconds_sum" },
      { __name__: "http_request_duration_seconds_count" },
    );
    own.push({ __name__: "process_resident_memory_bytes" }, { __name__: "nodejs_eventloop_utilization" });
    own.push({ __name__: "process_cpu_seconds_total" }, { __name__: "up" });
    for (const labels of own) {
      if (made++ === count) return;
      yield { ...base, ...labels };
    }
  }
}

/** The value of series `index` at step `step`: counters of whole numbers, two gauges, one counter of fractions. */
export function valueAt(labels, index, step) {
  switch (labels.__name__) {
    case "up":
      return 1;
    case "process_resident_memory_bytes":
      return 50_000_000 + (index % 100) * 4_096 + ((step * 7919 + index) % 64) * 4_096;
    case "nodejs_eventloop_utilization":
      return Math.round(200 + 100 * Math.sin(step / 10 + index)) / 1_000;
    case "process_cpu_seconds_total":
    case "http_request_duration_seconds_sum":
      return step * (0.31 + (index % 17) / 100) + ((step * index) % 7) / 1_000;
    default:
      return step * (1 + (index % 40)) + ((step * index) % 5);
  }
}

/** Ten queries as rules ask them, at one time. */
export const RULES = [
  "sum by (job) (rate(http_requests_total[5m]))",
  'sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) / sum by (job) (rate(http_requests_total[5m]))',
  "histogram_quantile(0.99, sum by (job, le) (rate(http_request_duration_seconds_bucket[5m])))",
  "up == 0",
  "max by (job) (nodejs_eventloop_utilization) > 0.8",
  "avg_over_time(process_resident_memory_bytes[10m]) > 1e9",
  "sum(rate(process_cpu_seconds_total[5m])) by (zone)",
  'topk(5, sum by (instance) (rate(http_requests_total{job="service-07"}[5m])))',
  'absent(up{job="service-99"})',
  'http_request_duration_seconds_sum{job="service-03"} / http_request_duration_seconds_count{job="service-03"}',
];

/** Five queries as dashboards ask them, over half an hour at 15 s. */
export const RANGES = [
  "sum by (job) (rate(http_requests_total[5m]))",
  "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
  'sum by (handler) (rate(http_requests_total{job="service-07",code="200"}[1m]))',
  "max by (zone) (nodejs_eventloop_utilization)",
  'process_resident_memory_bytes{job="service-03"}',
];
