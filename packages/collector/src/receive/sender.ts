import { Refusal } from "./refusal.js";

/** What receivers need of the authenticator. */
export interface WriteAuthorizer {
  authorize(
    authorization: string | undefined,
    permission: "write",
  ):
    | { readonly allowed: true; readonly identity: { readonly name: string } }
    | { readonly allowed: false; readonly status: 401 | 403; readonly message: string };
}

/** For a collector on loopback without tokens. */
export const anyoneMayWrite: WriteAuthorizer = {
  authorize: () => ({ allowed: true, identity: { name: "anonymous" } }),
};

/** Who sends: the token's name, else the address. */
export function senderOf(
  authorizer: WriteAuthorizer,
  authorization: string | undefined,
  address: string | undefined,
): { name: string; refusal: Refusal | undefined } {
  const answer = authorizer.authorize(authorization, "write");
  const from = address?.replace(/^::ffff:/, "") ?? "unknown";
  if (!answer.allowed) {
    const reason = answer.status === 401 ? "unknown_sender" : "not_allowed";
    return { name: from, refusal: new Refusal(reason, answer.message) };
  }
  const { name } = answer.identity;
  return { name: name === "anonymous" ? from : name, refusal: undefined };
}
