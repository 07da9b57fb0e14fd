import { WhiskersError } from "../../errors.ts";

/** What a transfer must get through, so that nobody can keep us waiting by giving a byte now and then. */
export interface PaceLimits {
  readonly leastBytes: number;
  readonly windowMs: number;
}

export interface Pace {
  /** So many bytes went through. */
  count(bytes: number): void;
  end(): void;
}

/** @param onTooSlow called once, with `registry-unavailable` */
export function watchPace(
  { leastBytes, windowMs }: PaceLimits,
  what: string,
  onTooSlow: (error: WhiskersError) => void,
): Pace {
  let inWindow = 0;
  const timer = setInterval(() => {
    if (inWindow < leastBytes) {
      clearInterval(timer);
      const rate = `${inWindow} bytes in ${windowMs / 1000} s`;
      onTooSlow(new WhiskersError("registry-unavailable", `${what} is too slow: ${rate}`));
    }
    inWindow = 0;
  }, windowMs);
  return {
    count(bytes) {
      inWindow += bytes;
    },
    end() {
      clearInterval(timer);
    },
  };
}
