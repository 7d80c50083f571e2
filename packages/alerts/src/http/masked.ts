import { readFile } from "node:fs/promises";
import { maskOf, Secret } from "@tocsin/model/config";
import type { HttpClient } from "./client.js";

/**
 * Hides the secrets of a config in what servers answer: some say in their errors what they were sent, and errors are logged, kept
 * and shown. Secrets in files are read anew, as they may have been changed.
 */
export function maskedHttp(http: HttpClient, config: unknown): HttpClient {
  const files = secretFilesIn(config);
  return {
    async request(request) {
      const response = await http.request(request);
      const read = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
      const mask = maskOf(
        config,
        read.map((text) => text.trim()),
      );
      return { ...response, body: mask(response.body) };
    },
  };
}

/** Certificates are no secrets. */
const SECRET_FILE = /(?<!ca|cert)_file$/;

function secretFilesIn(value: unknown, name = ""): string[] {
  if (typeof value === "string") return SECRET_FILE.test(name) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((each) => secretFilesIn(each, name));
  if (value === null || typeof value !== "object" || value instanceof Secret) return [];
  return Object.entries(value).flatMap(([key, each]) => secretFilesIn(each, key));
}
