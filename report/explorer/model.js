// The exported model, written out: characters in; experts, weights and the next character out.
"use strict";

const BASE = 10000, EPSILON = 2 ** -20;

/** Weights as typed arrays, by name. */
function loadModel(exported) {
  const weights = {};
  for (const [name, tensor] of Object.entries(exported.weights)) {
    weights[name] = numbers(tensor.float32, Float32Array);
  }
  return { ...exported, weights };
}

/** Ids of the characters of a text, and which of them the vocabulary lacks. */
function tokenised(model, text) {
  const characters = Array.from(text);
  const unknown = characters.filter((c) => !Object.hasOwn(model.vocabulary, c));
  const ids = characters.map((c) => (Object.hasOwn(model.vocabulary, c) ? model.vocabulary[c] : model.unknown));
  return { characters, ids, unknown: [...new Set(unknown)] };
}

/** W x, where W is the `rows` x len(x) matrix that starts at an offset. */
function product(matrix, x, rows, offset = 0) {
  const y = new Float64Array(rows), columns = x.length;
  for (let i = 0, at = offset; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++, at++) sum += matrix[at] * x[j];
    y[i] = sum;
  }
  return y;
}

function rmsNorm(x, gain) {
  let square = 0;
  for (const value of x) square += value * value;
  const scale = 1 / Math.sqrt(square / x.length + EPSILON);
  return x.map((value, i) => value * scale * gain[i]);
}

function softmax(values) {
  const most = Math.max(...values), powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}

/** Turn the pairs (x_i, x_{i + half}) of a head by the angles of a position. */
function rotate(x, start, width, position) {
  const half = width / 2;
  for (let i = 0; i < half; i++) {
    const angle = position * BASE ** ((-2 * i) / width), cos = Math.cos(angle), sin = Math.sin(angle);
    const a = x[start + i], b = x[start + half + i];
    x[start + i] = a * cos - b * sin;
    x[start + half + i] = a * sin + b * cos;
  }
}

/** Causal attention over all tokens: of each the sum over heads, before the output matrix. */
function attention(qkv, dim, heads) {
  const width = dim / heads;
  qkv.forEach((x, t) => {
    for (let start = 0; start < 2 * dim; start += width) rotate(x, start, width, t);
  });
  return qkv.map((own, t) => {
    const y = new Float64Array(dim);
    for (let q = 0; q < dim; q += width) {
      const scores = Array.from({ length: t + 1 }, (_, s) => {
        let score = 0;
        for (let i = 0; i < width; i++) score += own[q + i] * qkv[s][dim + q + i];
        return score / Math.sqrt(width);
      });
      softmax(scores).forEach((weight, s) => {
        for (let i = 0; i < width; i++) y[q + i] += weight * qkv[s][2 * dim + q + i];
      });
    }
    return y;
  });
}

/** The error function to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - polynomial * Math.exp(-x * x));
}

/** One expert: SwiGLU, whose gate lies above its input, or GELU. */
function expertOutput(x, inner, outer, expert, hidden, activation) {
  const rows = activation === "swiglu" ? 2 * hidden : hidden;
  const before = product(inner, x, rows, expert * rows * x.length);
  const middle = new Float64Array(hidden);
  for (let i = 0; i < hidden; i++) {
    middle[i] = activation === "swiglu"
      ? (before[i] / (1 + Math.exp(-before[i]))) * before[hidden + i]
      : 0.5 * before[i] * (1 + erf(before[i] / Math.SQRT2));
  }
  return product(outer, middle, x.length, expert * x.length * hidden);
}

/** Soft top-k: the k largest logits, and a softmax over them (arXiv 2401.04088, section 2.1). */
function softTopK(logits, k) {
  const experts = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b).slice(0, k);
  const weights = softmax(experts.map((e) => logits[e]));
  return experts.map((expert, i) => ({ expert, weight: weights[i], dropped: false }));
}

/** layers: of each layer, of each token its assignments. logits: of the token after the last. */
function routed(model, ids) {
  const { dim, heads, layers, ffn_hidden: hidden, activation, moe } = model.model;
  const w = model.weights, scale = Math.sqrt(dim);
  const x = ids.map((id) => Float64Array.from(w["embedding.weight"].subarray(id * dim, (id + 1) * dim), (v) => v * scale));
  const add = (t, y, weight = 1) => { for (let i = 0; i < dim; i++) x[t][i] += weight * y[i]; };
  const found = [];
  for (let l = 0; l < layers; l++) {
    const own = (name) => w[`blocks.${l}.${name}`];
    const qkv = x.map((v) => product(own("attention.qkv.weight"), rmsNorm(v, own("attention_norm.weight")), 3 * dim));
    attention(qkv, dim, heads).forEach((y, t) => add(t, product(own("attention.out.weight"), y, dim)));
    found.push(x.map((v, t) => {
      const input = rmsNorm(v, own("ffn_norm.weight"));
      const chosen = softTopK(product(own("ffn.routers.0.weight_ED"), input, moe.num_experts), moe.top_k);
      for (const { expert, weight } of chosen) {
        add(t, expertOutput(input, own("ffn.experts.w_in_EHD"), own("ffn.experts.w_out_EDF"), expert, hidden, activation), weight);
      }
      return chosen;
    }));
  }
  const head = w["head.weight"] ?? w["embedding.weight"];
  const logits = product(head, rmsNorm(x.at(-1), w["norm.weight"]), head.length / dim);
  return { layers: found, logits: Array.from(logits) };
}
