/** Who pays. Guests have no wallet: in this shop they are 46 of 100. */
export interface Customer {
  readonly wallet?: { readonly currency: string };
}

/**
 * The currency of an order.
 *
 * Until 1.41 guests pay in EUR. The release 1.42 "simplified" that and forgot the guests: it throws
 * `TypeError: Cannot read properties of undefined (reading 'currency')` for every one of them.
 */
export function currencyOf(customer: Customer, version: string): string {
  if (version.startsWith("1.42.")) return (customer.wallet as { currency: string }).currency;
  return customer.wallet?.currency ?? "EUR";
}
