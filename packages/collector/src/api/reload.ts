import { messageOf } from "@tocsin/model";
import { Router } from "express";

/**
 * `POST /api/v1/reload`: reads the configuration again, as SIGHUP does.
 *
 * 200 when it is in use; 400 with every fault when it is not, and then what ran goes on running.
 */
export function reloadRoutes(reload: () => Promise<void>): Router {
  const router = Router();
  router.post("/reload", async (_request, response) => {
    try {
      await reload();
      response.json({ status: "reloaded" });
    } catch (error) {
      response.status(400).json({ error: messageOf(error) });
    }
  });
  return router;
}
