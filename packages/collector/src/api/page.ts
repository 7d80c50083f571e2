import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import express, { Router } from "express";

/**
 * The web page: static files of `@tocsin/dashboard`. Paths without a file are the page's own addresses, so they get its
 * `index.html`. Hashed assets may be kept for ever; the entry is asked for each time.
 */
export function pageRoutes(folder: string | undefined = findPage()): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.setHeader(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Referrer-Policy", "no-referrer");
    next();
  });
  if (folder === undefined) {
    router.get("/", (_request, response) => {
      response
        .status(503)
        .type("text")
        .send(
          "The page is not built here. Run `npm run build`, or install @tocsin/dashboard. The APIs work.\n",
        );
    });
    return router;
  }
  router.use("/assets", express.static(join(folder, "assets"), { immutable: true, maxAge: "365d" }));
  router.use(express.static(folder, { index: "index.html" }));
  router.get("/{*path}", (request, response, next) => {
    if (!request.accepts("html")) return next();
    response.sendFile(join(folder, "index.html"));
  });
  return router;
}

/** Where the built page lies; undefined when it was left out or not built. */
function findPage(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve("@tocsin/dashboard/package.json");
    const folder = join(dirname(manifest), "dist", "page");
    return existsSync(join(folder, "index.html")) ? folder : undefined;
  } catch {
    return undefined;
  }
}
