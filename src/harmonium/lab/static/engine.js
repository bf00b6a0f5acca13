/** The engine for small machines. What only larger ones need is imported where it is needed. */
export * from "./engine/chains.js";
export * from "./engine/convergence.js";
export * from "./engine/gradients.js";
export * from "./engine/random.js";
export * from "./engine/rbm.js";
export * from "./engine/table.js";
export * from "./engine/training.js";
