import { defineConfig } from "vite";

/** Static files under dist/page; the collector serves them and lets hashed assets be kept for ever. */
export default defineConfig({
  build: {
    outDir: "dist/page",
    emptyOutDir: true,
    target: "es2022",
    // Nothing inlined: the policy of the page allows scripts and styles of its own origin only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": "http://127.0.0.1:4319" } },
});
