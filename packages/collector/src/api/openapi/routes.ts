import { Router } from "express";

/** `GET /api/v1/openapi.json`. Few ask for it, so that it is made when somebody first does. */
export function openApiRoutes(): Router {
  const router = Router();
  let document: Promise<object> | undefined;
  router.get("/openapi.json", async (_request, response) => {
    document ??= describe();
    response.json(await document);
  });
  return router;
}

async function describe(): Promise<object> {
  const [{ openApiDocument }, { OPERATIONS }] = await Promise.all([
    import("./document.js"),
    import("./operations.js"),
  ]);
  return openApiDocument(OPERATIONS);
}
