import { TocsinError } from "@tocsin/model";

/**
 * Why a scrape failed; shown as the target's last error.
 *
 * - `SCRAPE_MALFORMED`: the page is not in Prometheus's formats.
 * - `SCRAPE_STATUS`: the target answered with another status than 200.
 * - `SCRAPE_UNREACHABLE`: nothing answered in time.
 * - `SCRAPE_TOO_LARGE`, `SCRAPE_LIMIT`: the page, or what it holds, exceeds a configured limit.
 * - `SCRAPE_DISCOVERY`: targets could not be found out.
 */
export class ScrapeError extends TocsinError {
  declare readonly code:
    | "SCRAPE_MALFORMED"
    | "SCRAPE_STATUS"
    | "SCRAPE_UNREACHABLE"
    | "SCRAPE_TOO_LARGE"
    | "SCRAPE_LIMIT"
    | "SCRAPE_DISCOVERY";
}
