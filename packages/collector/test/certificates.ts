import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether certificates can be made here. */
export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** Certificates and keys in a folder of their own, made by the openssl command. */
export interface Certificates {
  file(name: string, kind: "pem" | "key"): string;
  pem(name: string): Buffer;
  key(name: string): Buffer;
  remove(): void;
}

/** @param names by name who signs it; undefined signs itself. Signers come before what they sign. */
export function makeCertificates(names: Readonly<Record<string, string | undefined>>): Certificates {
  const dir = mkdtempSync(join(tmpdir(), "tocsin-certificates-"));
  const file = (name: string, kind: "pem" | "key") => join(dir, `${name}.${kind}`);
  for (const [name, ca] of Object.entries(names)) {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const signer = ca ? ["-CA", file(ca, "pem"), "-CAkey", file(ca, "key")] : [];
    const args = ["req", "-x509", ...key, file(name, "key"), ...subject, ...signer, "-days", "2"];
    const { status, stderr } = spawnSync("openssl", [...args, "-out", file(name, "pem")], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
  }
  return {
    file,
    pem: (name) => readFileSync(file(name, "pem")),
    key: (name) => readFileSync(file(name, "key")),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
