/** Whoever has it may make resources. */
export const OURS = Symbol("ours");

/**
 * What a guest has handles of. It may import any method by any name, and constructors: so there is nothing that it did
 * not say here, and only we make one. A handle that it made up reaches a method with an object that no class here has
 * made: that has none of the private fields, so the call throws, which is a trap.
 */
// oxlint-disable-next-line typescript/no-extraneous-class -- its subclasses are what counts
export abstract class Resource {
  constructor(key: unknown) {
    if (key !== OURS) throw new Error("no resource of ours: they cannot be made");
  }
}

// Not what every object and function has: `constructor`, `bind`.
Object.setPrototypeOf(Resource, null);
Object.setPrototypeOf(Resource.prototype, null);
