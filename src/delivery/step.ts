/**
 * One write to a service, part of the delivery of one run. Steps are made in the order in which they
 * must happen; each is recorded when it is done, so that a delivery that was interrupted goes on where
 * it stopped. Sending one twice must count once at the receiver.
 */
export interface DeliveryStep {
  /** Unique within the delivery, the same at every try: `octopoes/observation`. */
  readonly name: string;
  /** @throws WhiskersError `upstream-unavailable`, `upstream-refused`, `cancelled` */
  send(signal: AbortSignal): Promise<void>;
}
