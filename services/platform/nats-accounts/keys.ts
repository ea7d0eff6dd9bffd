import { nkeys } from 'nats';

/** An Ed25519 pair as NATS writes it: base32 with a prefix that says whose it is. */
export interface NatsKeys {
  getPublicKey(): string;
  /** ASCII of the seed: `SO…`, `SA…` or `SU…`. */
  getSeed(): Uint8Array;
  sign(input: Uint8Array): Uint8Array;
}

// The client exports the library that it signs with, and no types with it.
const library = nkeys as {
  createOperator(): NatsKeys;
  createAccount(): NatsKeys;
  createUser(): NatsKeys;
  fromSeed(seed: Uint8Array): NatsKeys;
};

export function newOperatorKeys(): NatsKeys {
  return library.createOperator();
}

export function newAccountKeys(): NatsKeys {
  return library.createAccount();
}

export function newUserKeys(): NatsKeys {
  return library.createUser();
}

export function seedOf(keys: NatsKeys): string {
  return Buffer.from(keys.getSeed()).toString('ascii');
}

/** Throws when the text is no seed. */
export function keysOfSeed(seed: string): NatsKeys {
  return library.fromSeed(Buffer.from(seed.trim(), 'ascii'));
}
