import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scrypt,
} from "node:crypto";
import { promisify } from "node:util";

import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";

import { isObject, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { requireP256 } from "./public-key.ts";

/** What cosign writes since version 2, and what it wrote before. */
const PEM_TYPE = "ENCRYPTED SIGSTORE PRIVATE KEY";
const OLDER_PEM_TYPE = "ENCRYPTED COSIGN PRIVATE KEY";

/** The costs of scrypt that cosign writes, now or once; others are refused, as by cosign: a file could ask for any. */
const COSTS: readonly number[] = [2 ** 15, 2 ** 16, 2 ** 17];
const COST = 2 ** 16;
const BLOCK_SIZE = 8;
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const SALT_BYTES = 32;

export interface KeyPair {
  /** PEM, encrypted with the password. */
  readonly privateKey: string;
  /** PEM. */
  readonly publicKey: string;
}

/** A new key pair, as `cosign generate-key-pair` makes them: ECDSA on P-256. */
export async function generateKeyPair(password: string): Promise<KeyPair> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privateKey: await encrypted(privateKey, password),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

/**
 * A private key from PEM: one of cosign's, encrypted (scrypt and NaCl's secretbox), or a plain one of OpenSSL's.
 * @param password of one that is encrypted; null: none is known
 * @throws WhiskersError `key-unusable`
 */
export async function readPrivateKey(
  text: string,
  password: string | null,
  shownAs: string,
): Promise<KeyObject> {
  const type = /-----BEGIN (?<type>[A-Z0-9 ]+)-----/u.exec(text)?.groups?.["type"];
  if (type === undefined) throw unusable(shownAs, "it is no PEM");
  if (type === "PUBLIC KEY") throw unusable(shownAs, "a public key; to sign, the private one is needed");
  const key =
    type === PEM_TYPE || type === OLDER_PEM_TYPE
      ? await decrypted(text, type, password, shownAs)
      : readPlain(text, shownAs);
  requireP256(createPublicKey(key), shownAs);
  return key;
}

async function encrypted(key: KeyObject, password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const box = xsalsa20poly1305(await keyFrom(password, salt, COST), nonce);
  const document = {
    kdf: {
      name: "scrypt",
      params: { N: COST, r: BLOCK_SIZE, p: 1 },
      salt: salt.toString("base64"),
    },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: Buffer.from(box.encrypt(key.export({ type: "pkcs8", format: "der" }))).toString("base64"),
  };
  const lines = Buffer.from(JSON.stringify(document))
    .toString("base64")
    .match(/.{1,64}/gu);
  return `-----BEGIN ${PEM_TYPE}-----\n${(lines ?? []).join("\n")}\n-----END ${PEM_TYPE}-----\n`;
}

async function decrypted(
  text: string,
  type: string,
  password: string | null,
  shownAs: string,
): Promise<KeyObject> {
  const { salt, cost, nonce, ciphertext } = parseEncrypted(text, type, shownAs);
  if (password === null) throw unusable(shownAs, "it is encrypted, and COSIGN_PASSWORD is not set");
  let der: Uint8Array;
  try {
    der = xsalsa20poly1305(await keyFrom(password, salt, cost), nonce).decrypt(ciphertext);
  } catch (cause) {
    throw unusable(shownAs, "COSIGN_PASSWORD is not its password", cause);
  }
  try {
    return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  } catch (cause) {
    throw unusable(shownAs, `what is encrypted in it is no key: ${messageOf(cause)}`, cause);
  }
}

interface Encrypted {
  readonly salt: Buffer;
  readonly cost: number;
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
}

function parseEncrypted(text: string, type: string, shownAs: string): Encrypted {
  const body = text.split(`-----BEGIN ${type}-----`)[1]?.split(`-----END ${type}-----`)[0] ?? "";
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(body, "base64").toString("utf8"));
  } catch (cause) {
    throw unusable(shownAs, "what its PEM holds is no JSON", cause);
  }
  const { kdf, cipher, ciphertext } = isObject(document) ? document : {};
  const { name: kdfName, params, salt } = isObject(kdf) ? kdf : {};
  const { N: cost, r: blockSize, p: parallel } = isObject(params) ? params : {};
  const { name: cipherName, nonce } = isObject(cipher) ? cipher : {};
  if (kdfName !== "scrypt" || cipherName !== "nacl/secretbox") {
    throw unusable(shownAs, "it is encrypted in another way than scrypt and nacl/secretbox");
  }
  const isUsual =
    typeof cost === "number" && COSTS.includes(cost) && blockSize === BLOCK_SIZE && parallel === 1;
  if (!isUsual) throw unusable(shownAs, "its scrypt has other parameters than cosign writes");
  const parts = [salt, nonce, ciphertext].map((part) =>
    typeof part === "string" ? Buffer.from(part, "base64") : null,
  );
  const [saltBytes, nonceBytes, cipherBytes] = parts;
  if (saltBytes?.length !== SALT_BYTES || nonceBytes?.length !== NONCE_BYTES || !cipherBytes) {
    throw unusable(shownAs, "salt, nonce or ciphertext is missing, or of another length");
  }
  return { salt: saltBytes, cost, nonce: nonceBytes, ciphertext: cipherBytes };
}

function readPlain(text: string, shownAs: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw unusable(shownAs, `no private key that can be read: ${messageOf(cause)}`, cause);
  }
}

async function keyFrom(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  // scrypt needs 128 * N * r bytes; Node.js allows a quarter of that unless it is told.
  return derive(password, salt, KEY_BYTES, { N: cost, r: BLOCK_SIZE, p: 1, maxmem: 256 * cost * BLOCK_SIZE });
}

function unusable(shownAs: string, why: string, cause?: unknown): WhiskersError {
  return new WhiskersError("key-unusable", `${shownAs}: ${why}`, { cause });
}
