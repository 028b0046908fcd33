// The texts that a door's reader takes (domain/src/pass/mod.rs): canonical CBOR in base45. No clock, no key, no page here;
// tests/pass_codes.rs holds these bytes against the ones of Rust.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";
const utf8 = new TextEncoder();

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** RFC 9285: two bytes are three letters, a single last one two; least significant first. */
export function base45(bytes) {
  let out = "";
  for (let i = 0; i < bytes.length; i += 2) {
    const pair = i + 1 < bytes.length;
    let n = pair ? bytes[i] * 256 + bytes[i + 1] : bytes[i];
    for (let letters = pair ? 3 : 2; letters > 0; letters--) {
      out += ALPHABET[n % 45];
      n = Math.floor(n / 45);
    }
  }
  return out;
}

export const base64url = {
  encode: (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""),
  decode: (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0)),
};

/** The 16 bytes of an id such as `pas_01jd6x…`. */
export function idBytes(text) {
  let value = 0n;
  for (const letter of text.slice(text.indexOf("_") + 1)) value = value * 32n + BigInt(CROCKFORD.indexOf(letter));
  const out = new Uint8Array(16);
  for (let i = 15; i >= 0; i--) {
    out[i] = Number(value & 255n);
    value >>= 8n;
  }
  return out;
}

function bigEndian(n, size) {
  const out = new Uint8Array(size);
  for (let i = size - 1; i >= 0; i--) {
    out[i] = n % 256;
    n = Math.floor(n / 256);
  }
  return out;
}

// Head of a CBOR value in its shortest form (RFC 8949 §3).
function head(major, n) {
  if (n < 24) return Uint8Array.of(major * 32 + n);
  const size = n < 256 ? 1 : n < 65_536 ? 2 : 4;
  return concat(Uint8Array.of(major * 32 + { 1: 24, 2: 25, 4: 26 }[size]), bigEndian(n, size));
}

const uint = (n) => head(0, n);
const bstr = (bytes) => concat(head(2, bytes.length), bytes);
const array = (...items) => concat(head(4, items.length), ...items);

/** What the phone signs to register its key. */
export const registration = (nonce, person) => concat(utf8.encode("sekisho/holder/v1"), nonce, idBytes(person));

/** What the phone signs for a code: second `at`, number `n` within it. */
export const presentation = (pass, at, n) => concat(utf8.encode("sekisho/presentation/v1"), idBytes(pass), bigEndian(at, 4), bigEndian(n, 2));

/** `K2:` the whole pass and a fresh signature: opens at a gateway that never heard of it. */
export const carried = (signed, at, n, signature) => "K2:" + base45(array(bstr(signed), uint(at), uint(n), bstr(signature)));

/** `K3:` its id and a fresh signature: small, for a gateway that holds the pass. */
export const reference = (pass, at, n, signature) => "K3:" + base45(array(bstr(idBytes(pass)), uint(at), uint(n), bstr(signature)));
