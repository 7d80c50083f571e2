/** What the shop says over its channel; see `examples/shop/src/main.ts`. */
export type ShopMessage =
  | { readonly kind: "ready"; readonly deployerUrl: string; readonly pagerUrl: string }
  | { readonly kind: "open" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "first-failure"; readonly atMs: number }
  | {
      readonly kind: "load";
      readonly sent: number;
      readonly ok: number;
      readonly failed: number;
      readonly lastFailureAtMs?: number;
    }
  | {
      readonly kind: "deployed";
      readonly atMs: number;
      readonly phase: "begun" | "done";
      readonly what: "deploy" | "rollback" | "scale";
      readonly service: string;
      readonly version: string;
      readonly replicas: number;
    }
  | {
      readonly kind: "page";
      readonly atMs: number;
      readonly status: "firing" | "resolved";
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    };
