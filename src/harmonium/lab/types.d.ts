/** The shapes of what the modules hand each other, known to all of them by name. */

type Tables = import("./static/engine/table.js").Tables;
type Convergence = import("./static/engine/convergence.js").Convergence;

// engine/annealing.js

/** A number and the ends of its 95 % interval. */
type Interval = {value: number, lower: number, upper: number};
/** `converged`: whether chains from the data and chains from noise agree, and no mode was found that they do not visit. */
type LogPartition = Interval & {steps: number, runs: number, converged: boolean};
type Progress = {stage: string, share: number};

// engine/chains.js

/** States of the chains, `v [rows V]`, `h [rows H]`. */
type Chains = {v: Float64Array, h: Float64Array};
/** One layer's samples with all that leads to them: the total inputs S, own bias included and not divided by T; a unit is on
 * where `uniform` is below `probability`. */
type Draws = {input: number[], probability: number[], uniform: number[], bits: number[]};
/** One ladder of RBMs from infinite temperature, where every unit is on with probability 1/2, to the RBM itself, and a chain on
 * every rung. `v [rungs V]`. Of each pair of neighbors: `acceptance`, the running mean of the probability of an exchange;
 * `chance` and `drawn` of the latest step, NaN where it was not tried. `label`: 1 a state last at the bottom, 2 last at the
 * top, 0 neither. h: of the top rung */
type Ladder = {v: Float64Array, h: Float64Array, acceptance: number[], label: number[], roundTrips: number, steps: number,
  chance: number[], drawn: number[]};

// engine/digits.js

/** Rows `[n 64]` of zeros and ones. */
type Digits = {train: Uint8Array, valid: Uint8Array, test: Uint8Array};

// engine/gradients.js

/** The gradient and its two terms, each in the layout of the parameters. */
type Estimate = {gradient: Float64Array, positive: Float64Array, negative: Float64Array};

// engine/model-file.js

/** A model and what its file says of it. Spins are read as bits, v = (1 + s) / 2 and likewise for h: `rbm` has the same
 * distribution, and its free energy plus `constant` is that of the file's model. */
type FileModel = {rbm: Rbm, constant: number, kinds: [string, string], notes: Record<string, any>};

// engine/random.js

/** 64 bits as two 32-bit integers. */
type Key = {high: number, low: number};

// engine/rbm.js

type Rbm = {V: number, H: number, temperature: number, theta: Float64Array, weights: Float64Array, a: Float64Array,
  b: Float64Array};
/** Parameters as the page writes them, the weights as V rows of H. */
type Machine = {weights: number[][], a: number[], b: number[]};

// engine/safetensors.js

type Tensor = {dtype: string, shape: number[], bytes: Uint8Array};
type Container = {tensors: Map<string, Tensor>, metadata: Record<string, string>};

// engine/training.js

type Method = "exact" | "cd" | "pcd";
/** What is learned and how: distinct patterns `rows [n V]` with their probabilities `share [n]`. */
type Lesson = {V: number, rows: Float64Array, share: Float64Array, rate: number, chains: number, seed: number};
/** After `update` updates: an RBM for each method and the h of PCD's `chains [C H]`. `vectors`: what CD and PCD took for the
 * model's v at the last update. `stopped`: the update at which a method's parameters went out of bounds; that RBM stays as it
 * was before. */
type Course = {update: number, rbms: Record<Method, Rbm>, chains: Float64Array, vectors: Partial<Record<Method, Float64Array>>,
  stopped: Partial<Record<Method, number>>};
/** Exact figures of one RBM: the target's mean ln p(v) and KL(target || model), both in nats, and the number of pixels expected
 * to be wrong in a reconstruction v -> h -> v' of the target's v; `flawless`: the probability that v' = v. */
type Measures = {log_likelihood: number, divergence: number, wrong_pixels: number, flawless: number};

// answers/chain.js

/** Distances at some numbers of sweeps. */
type Distance = {sweeps: number[], [series: string]: number[]};
/** What the chain should come to. `upper`: the share of v with more than half of its units on. `relaxation`: how many sweeps a
 * chain takes to forget its start, null where float64 cannot tell. */
type Distribution = {tables: Tables, convergence: Convergence, v: string[], h: string[], probability: number[],
  visible: {states: string[], probability: number[]}, upper: number, relaxation: number | null};
type Experiment = {distribution: Distribution, seed: number, start: string};
/** Of configurations or of v: the frequencies, their standard errors and how many of these they are off by. */
type Found = {frequency: number[], error: number[] | null, deviation: (number | null)[] | null};
/** One layer's samples. */
type LayerDraws = {given: string} & Draws;
/** `crossings` between the v with most units on and the others; `now`: the distance from the table, `expected`: that of as many
 * independent draws. */
type Visits = Found & {sweeps: number, counts: number[], upper: number, crossings: number, visible: Found, now: number | null,
  expected: number | null, distance: Distance, recent: number[]};
/** `half`: half-steps made; h is null before the first. `fresh`: the layers sampled last. */
type Chain = Visits & {chain: {v: string, h: string | null, half: number}, draws: {v?: LayerDraws, h?: LayerDraws}, fresh: ("v"
  | "h")[]};
/** exact_v: the exact distribution of v of one chain now */
type Crowd = {states: Int32Array, exact_v: Float64Array, made: number, on: number[], visible: Found, upper: number, now: number,
  exact: number,
  expected: number, distance: Distance};
type Tempered = Visits & {ladder: {at: string[], acceptance: number[], round_trips: number, steps: number},
  temperature: (number | null)[], exchanges: {rung: number, chance: number, drawn: number, exchanged: boolean}[],
  state: Ladder};

// answers/cloud.js

type Pair = [number, number];
/** Letter and indices from 1. */
type Name = [string, ...number[]];
/** A plane of updates, with the gradient, the cloud's mean, its exact expectation and standard error in it; then lengths in all
 * dimensions. `noise`: the expected distance of the mean from its expectation. */
type Thousand = ReturnType<typeof import("./static/answers/cloud.js").thousand>;
/** Exact mean of an update along each direction, and the exact standard error of the mean of a cloud of them. */
type Moments = {mean: number[], error: number[]};

// answers/conditionals.js

type Unit = Given["units"][number];
type Given = ReturnType<typeof import("./static/answers/conditionals.js").given>;
type Both = ReturnType<typeof import("./static/answers/conditionals.js").both>;

// answers/derivation.js

type Sums = ReturnType<typeof import("./static/answers/derivation.js").sums>;
type BiasStep = {held: number, free: number, step: number};
type Derived = ReturnType<typeof import("./static/answers/derivation.js").derive>;

// answers/gradient.js

type Twice = {before: number, after: number};
/** `allowed`: no parameter leaves what the page allows. `gap`: the largest |positive - negative| with the data at the target, at
 * every v equally often, at v as often as p(v). */
type Step = ReturnType<typeof import("./static/answers/gradient.js").stepOf>;
/** v, h, v' or h'; all but the first are sampled. */
type Layer = {bits: number[]} & Partial<Draws>;
type Update = ReturnType<typeof import("./static/answers/gradient.js").updateOf>;

// answers/image-model.js

/** With a `scale`, 128 is zero, and the scale is what 1 and 255 stand for. */
type Pictures = {count: number, bytes: Uint8Array, scale?: number};
type Described = {name: string, visible: number, hidden: number, kinds: [string, string], height: number, width: number,
  shapeFrom: "file" | "square" | "grid", trainedOn: string | null, updates: number | null, digits: boolean, filters: Pictures};

// answers/image-training.js

type DigitsSettings = {hidden: number, rate: number, seed: number};
type Closing = {mean: number, lower: number, upper: number, exact: boolean, method: string, warning: string, train: number,
  baseline: number};
/** The means of ln p(v), or of its pseudo-likelihood. */
type TrainingHistory = {step: number[], train: number[], valid: number[], gap: number[]};
type Phase = "training" | "paused" | "evaluating" | "done" | "failed";
type View = {phase: Phase, problem: string, settings: DigitsSettings, updates: number, step: number, speed: number, exact:
  boolean,
  pictures: {filters: Pictures, chains: Pictures, means: Pictures}, history: TrainingHistory, stage: Progress, closing: Closing
  | null};

// answers/images.js

type Which = "training" | "file";

// answers/machine.js

/** Every configuration, v slowest. `factor`: e^(-E/T), `partition`: Z, each null where it is too large for a float. `given`: the
 * probabilities given the held units, if any are held, and `given_mean` the expectations. `free_energy`: F(v), with p(v) =
 * e^(-F/T) / Z. `entropy` in nats. */
type Table = ReturnType<typeof import("./static/answers/machine.js").tableOf>;

// answers/set.js

type Field = "log_likelihood" | "divergence" | "wrong_pixels";
type LessonSettings = {learn: string, hidden: number, rate: number, scale: number, chains: number, seed: number};
/** `patterns`: those that get a bar of their own; `target`: their shares, `heights` what these were normalized from. */
type Target = {visible: number, columns: number, patterns: string[], heights: number[], target: number[], not_shown: number,
  entropy: number,
  best: number};
/** `drawn`: where among the patterns the v of the last negative term lay. `strays`: the most probable patterns without a bar. */
type Now = Measures & {probability: number[], others: number, strays: {bits: string, probability: number}[],
  drawn: number[] | null, drawn_others: number | null, stopped: string | null};
/** Figures at some updates; those of a method end where it stopped. */
type Records = {update: number[]} & Record<Method, Record<Field, (number | null)[]>>;
type Training = {lesson: Lesson, target: Target, course: Course, record: Records};
type Run = {target: Target, state: {update: number, machines: Record<Method, Machine>,
  stopped: Partial<Record<Method, number>>}, now: Record<Method, Now>, record: Records};

// cards.js

/** What cards ask about. Of the target v: its text, its number `n`, the total input of h\u2081, the probabilities of all hidden
 * units to be `on`, the terms A and B and the step of every parameter in the layout of `theta`. `over`: the division by T,
 * where it is not 1. */
type Asked = ReturnType<typeof import("./static/cards.js").askedOf>;

// compute.js

type Call = {id: number, name: string, args: any[]};

// page.js

type Hover = {v?: string, h?: string, edge?: [number, number], unit?: ["v" | "h", number]} | null;
/** A model file that came with the page. */
type ModelSource = () => Promise<{name: string, bytes: Uint8Array}>;
/** `start`: the state to begin with; without one the page owns its address and keeps the state there. `embed`: the one chapter,
 * or the one section of it, that is shown, as "chapter/section". */
type Options = {start?: Partial<State>, onState?: (state: State) => void, model?: ModelSource | null, embed?: string};

// state.js

type Held = 0 | 1 | null;
/** cards: those of a worksheet, in their order */
type State = {chapter: string, machine: Machine, temperature: number, seed: number, target: number[],
  clamp: {v: Held[], h: Held[]}, settings: Record<string, Record<string, any>>,
  cards: string[]};

// widget.js

type WidgetModel = {get: (name: string) => any, set: (name: string, value: any) => void, save_changes: () => void};

// worker.js

type Functions = typeof import("./static/worker.js").FUNCTIONS;

// ui/carried.js

type Moved = {playing: boolean, move: (what: any) => void, restart: () => void, play: (on: boolean) => void};

// ui/curve.js

type Series = {label: string, values: (number | null)[], width?: number};

// ui/network.js

/** The sample that the units show, if the machine is sampling: kept beside the page's state, which changes more slowly. */
type Sample = {v: string, h: string} | null;

// ui/parameters.js

/** A parameter's letter and its indices from 0; a bias has one index only. */
type Place = ["w" | "a" | "b", number, number];

// chapters/chain-distance.js

/** `leaves`: the line may leave the picture at its lower edge */
type Line = {label: string, x: number[], y: (number | null)[], dash?: string, tone?: string, now: number | null | undefined,
  leaves?: boolean};

// chapters/chain-modes.js

type GibbsAndLadder = {gibbs: Chain, ladder: Tempered};

// chapters/derivation-lines.js

/** What a sum is shown of: the rows with `v` held, or all of them. */
type Of = {derived: Derived, of: "held" | "free", vh: string, test?: string};

// chapters/gradient-plane.js

/** middle and size */
type Frame = {x: number, y: number, wide: number, high: number};

// chapters/gradient-step.js

type Row = {v: string, h?: string};
type Shown = {before: number[], after: number[], text: (x: number) => string, digits: number, bars: boolean, total?: [string,
  number, number]};

// chapters/images-draw.js

/** open: takes a model file */
type Play = {which: "training" | "file", shape: Shape, drawing: Drawing,
  version: string, filters: Pictures | undefined, hidden: number, open: (file: File) => void};

// chapters/images-drawing.js

type Shape = {height: number, width: number, visible: number, digits: boolean};
type Drawing = ReturnType<typeof import("./static/chapters/images-drawing.js").useDrawing>;

// chapters/images-picture.js

type Rgb = [number, number, number];
type Colors = {ink: Rgb, card: Rgb, line: Rgb, soft: Rgb, plus: Rgb, minus: Rgb};

// chapters/images-session.js

type Session = ReturnType<typeof import("./static/chapters/images-session.js").useSession>;

// chapters/machine-table.js

type Order = "v" | "h" | "energy" | "probability";
type Column = "E" | "factor" | "p";

// chapters/set-column.js

type ColumnProps = {run: Run, method: Method, at: string, onPoint: (bits: string) => void};
