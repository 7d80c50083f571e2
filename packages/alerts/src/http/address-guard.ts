import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { AlertsError } from "../errors.js";

/**
 * Decides which addresses notifications may be sent to. Names are judged by the address that they resolve to at
 * the moment of connecting, so a name that changes its mind between check and use gains nothing.
 */
export interface AddressGuard {
  /** @throws {AlertsError} ALERTS_NOTIFY_FORBIDDEN_ADDRESS */
  check(address: string, host: string): void;
  /** Like `check`, for a host that is an address itself; does nothing for names. */
  checkLiteral(host: string): void;
}

export interface AddressGuardOptions {
  /**
   * `false` (default): public addresses and this machine's loopback. `true`: private ranges too. A list of
   * addresses or CIDR ranges: those too. Link-local addresses, where clouds keep credentials, only by the list.
   */
  readonly allowPrivateTargets?: boolean | readonly string[];
}

const PRIVATE: readonly [string, number][] = [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["100.64.0.0", 10],
  ["fc00::", 7],
];

const NEVER: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["192.0.0.0", 24],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["fe80::", 10],
  ["ff00::", 8],
  ["fec0::", 10],
  ["100::", 64],
  // Addresses that carry an IPv4 address inside: NAT64, its local form, 6to4, Teredo, translated and compatible ones.
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2002::", 16],
  ["2001::", 32],
  ["::ffff:0:0:0", 96],
  ["::", 96],
];

export function createAddressGuard(options: AddressGuardOptions = {}): AddressGuard {
  const allow = options.allowPrivateTargets ?? false;
  const listed = blockList(typeof allow === "boolean" ? [] : allow.map(parseRange));
  const privateRanges = blockList(PRIVATE);
  const never = blockList(NEVER);
  const check = (address: string, host: string): void => {
    const plain = unmapped(address);
    const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
    if (listed.check(plain, family)) return;
    const isForbidden = never.check(plain, family) || (allow !== true && privateRanges.check(plain, family));
    if (!isForbidden || isLoopback(plain)) return;
    const what = host === address ? address : `${host} (${address})`;
    throw new AlertsError(
      "ALERTS_NOTIFY_FORBIDDEN_ADDRESS",
      `${what} is a private or reserved address, and notifications are not sent there. ` +
        `If it is meant, add it to alerting.allow_private_targets.`,
    );
  };
  return {
    check,
    checkLiteral(host) {
      const bare = host.startsWith("[") ? host.slice(1, -1) : host;
      if (isIP(bare)) check(bare, bare);
    },
  };
}

/** `::1`, however it is written; it lies among the addresses with an IPv4 address inside. */
function isLoopback(address: string): boolean {
  return isIP(address) === 6 && LOOPBACK.check(address, "ipv6");
}

/** A look-up function for `node:net` that refuses what the guard refuses. */
export function guardedLookup(guard: AddressGuard, lookUp: LookupFunction = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookUp(hostname, options, (error, address, family) => {
      if (error) return callback(error, "", 0);
      try {
        if (Array.isArray(address)) for (const each of address) guard.check(each.address, hostname);
        else guard.check(address, hostname);
      } catch (thrown) {
        return callback(thrown as NodeJS.ErrnoException, "", 0);
      }
      callback(null, address, family);
    });
  };
}

/** `::ffff:10.0.0.1` is the IPv4 address inside it, however it is written. */
function unmapped(address: string): string {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (dotted?.[1]) return dotted[1];
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  if (!hex?.[1] || !hex[2]) return address;
  const high = Number.parseInt(hex[1], 16);
  const low = Number.parseInt(hex[2], 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

const LOOPBACK = new BlockList();
LOOPBACK.addAddress("::1", "ipv6");

function blockList(ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of ranges)
    list.addSubnet(address, prefix, isIP(address) === 6 ? "ipv6" : "ipv4");
  return list;
}

function parseRange(text: string): [string, number] {
  const [address = "", prefix] = text.split("/");
  const family = isIP(address);
  const bits = prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix);
  if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) {
    throw new AlertsError(
      "ALERTS_CONFIG_INVALID",
      `"${text}" is not an address or CIDR range. Write for instance 10.1.0.0/16 in allow_private_targets.`,
    );
  }
  return [address, bits];
}
