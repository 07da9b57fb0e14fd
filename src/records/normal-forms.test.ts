import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { normaliseDateTime } from "./date-time.ts";
import { normaliseDuration } from "./duration.ts";
import { normaliseIpv4, normaliseIpv6 } from "./ip-address.ts";

test("IPv4 addresses are dotted quads without leading zeros", () => {
  for (const text of ["0.0.0.0", "192.0.2.1", "255.255.255.255"]) assert.equal(normaliseIpv4(text), text);
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    " 1.2.3.4",
    "1.2.3.4\n",
    "1.2.3.4/8",
    "١.2.3.4",
  ]) {
    assert.equal(normaliseIpv4(text), null, text);
  }
});

test("IPv6 addresses are written as RFC 5952 and Python 3.13 write them", () => {
  const stored = new Map<string, string | null>([
    ["::", "::"],
    ["1::", "1::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["::ffff:102:304", "::ffff:1.2.3.4"],
    ["::ffff:1.2.3.4%eth0", "::ffff:1.2.3.4%eth0"],
    ["::1.2.3.4", "::102:304"],
    ["FE80::1%Eth 0|x", "fe80::1%Eth 0|x"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ]);
  for (const [text, expected] of stored) assert.equal(normaliseIpv6(text), expected, text);
  const refused = [
    "",
    ":",
    ":::",
    ":1",
    "1:",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::12345",
    "::g",
    "[::1]",
  ];
  for (const text of [
    ...refused,
    "::1/64",
    "::1%",
    "::1%a%b",
    "1.2.3.4",
    "::1.2.3",
    "::01.2.3.4",
    "1.2.3.4::",
    " ::1",
  ]) {
    assert.equal(normaliseIpv6(text), null, text);
  }
});

test("an IPv6 address that is written in full comes back short and means the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }),
      (groups) => {
        const full = groups.map((group) => group.toString(16).padStart(4, "0")).join(":");
        const short = normaliseIpv6(full);
        assert.ok(short !== null && short.length <= full.length);
        assert.equal(normaliseIpv6(short), short);
        assert.equal(new URL(`http://[${short}]/`).hostname, new URL(`http://[${full}]/`).hostname);
      },
    ),
  );
});

// What pydantic 2.13 stored for each.
test("spans of time are written as OpenKAT writes them", () => {
  const stored = new Map<string | number, string | null>([
    ["P30DT5.000001S", "P30DT5.000001S"],
    ["-P1D", "-P1D"],
    ["P400D", "P1Y35D"],
    ["P1M", "P30D"],
    ["P1W", "P7D"],
    ["PT90M", "PT1H30M"],
    ["P1Y2M10DT2H30M", "P1Y70DT2H30M"],
    ["PT1,5S", "PT1.5S"],
    ["1 day, 1:00:00", "P1DT1H"],
    ["-1 day, 1:00:00", "-P1DT1H"],
    ["30 days, 0:00:05", "P30DT5S"],
    ["10 days", "P10D"],
    ["99:00:00", "P4DT3H"],
    ["-1:00:00", "-PT1H"],
    ["01:02:03.5", "PT1H2M3.5S"],
    ["365 days, 0:00:00", "P1Y"],
    [5.5, "PT5.5S"],
    [-0.25, "-PT0.25S"],
    [1e9, "P31Y259DT1H46M40S"],
    [0, "PT0S"],
    ["P", null],
    ["PT", null],
    ["p1d", null],
    ["1 days, 24:00:00", null],
    ["5", null],
    ["", null],
    [1e300, null],
    ["P9999999999Y", null],
  ]);
  for (const [given, expected] of stored) assert.equal(normaliseDuration(given), expected, String(given));
});

test("times are written as OpenKAT writes them", () => {
  const stored = new Map<string, string | null>([
    ["2024-01-02T03:04:05.678900Z", "2024-01-02T03:04:05.678900Z"],
    ["2024-01-02 03:04:05.5+0200", "2024-01-02T03:04:05.500000+02:00"],
    ["2024-01-02t03:04z", "2024-01-02T03:04:00Z"],
    ["2024-01-02T03:04:05.000-00:00", "2024-01-02T03:04:05Z"],
    ["2024-02-29T00:00:00.1234567", "2024-02-29T00:00:00.123456"],
    ["2023-02-29T00:00:00", null],
    ["2024-01-02T24:00:00", null],
    ["2024-01-02T03:04:60Z", null],
    ["2024-01-02T03:04:05+24:00", null],
    ["0000-01-01T00:00:00", null],
    ["2024-01-02", null],
    ["now", null],
  ]);
  for (const [given, expected] of stored) assert.equal(normaliseDateTime(given, false), expected, given);
  assert.equal(normaliseDateTime("2024-01-02T03:04:05", true), null);
});
