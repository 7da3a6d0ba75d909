//! ONNX: a network as a graph that other runtimes read: `x` `[batch, features]` in, `logits` or `value` out.

mod builder;
mod piecewise;
pub mod proto;

use prost::Message;

use self::builder::{Builder, int};
pub(super) use self::builder::{float, int_list};
use self::piecewise::PleTables;
use super::{
    Architecture, Family, OutputScale, Weights,
    graph::NORM_EPSILON,
    image::{self, Plan},
};

/// The bytes of `model.onnx`. The weights must be the architecture's: a tensor that is missing is left out, and no runtime
/// loads the graph.
pub fn export(arch: &Architecture, weights: &Weights) -> Vec<u8> {
    graph(arch, weights).encode_to_vec()
}

/// As [`export`], before it is written.
pub(crate) fn graph(arch: &Architecture, weights: &Weights) -> proto::ModelProto {
    let mut writer = Writer { arch, weights, graph: Builder::default() };
    let x = writer.inputs();
    let raw = match arch.family {
        Family::Linear => writer.linear("head", &x),
        Family::Mlp => writer.mlp(x),
        Family::Resnet => writer.resnet(&x),
        Family::Tabm => {
            let members = writer.tabm(&x);
            writer.combine(&members)
        }
        Family::Cnn | Family::ResnetCnn => match Plan::of(arch) {
            Some(plan) => image::write(&mut writer, &plan, &x),
            None => x,
        },
    };
    let output = writer.report(raw);
    let features = arch.numeric + arch.category_sizes.len();
    writer.graph.finish(("x", features), (output, arch.outputs))
}

/// Writes one architecture's graph.
pub(super) struct Writer<'a> {
    arch: &'a Architecture,
    weights: &'a Weights,
    pub graph: Builder,
}

impl Writer<'_> {
    /// A weight tensor as a constant of its own name, in another shape of the same size.
    pub fn weight(&mut self, name: &str, shape: &[usize]) -> String {
        if let Some((_, values)) = self.weights.get(name) {
            self.graph.floats(name, shape, values);
        }
        name.to_owned()
    }

    /// A weight tensor in its own shape.
    pub fn own(&mut self, name: &str) -> String {
        let shape = self.weights.get(name).map(|(shape, _)| shape.clone()).unwrap_or_default();
        self.weight(name, &shape)
    }

    /// Plain numbers, embedded numbers, embedded categories. `[batch, inputs]`
    fn inputs(&mut self) -> String {
        let (numeric, categories) = (self.arch.numeric, self.arch.category_sizes.len());
        let (plain, embedded) = (self.arch.plain_columns(), self.arch.ple_columns());
        let mut parts = Vec::new();
        if !plain.is_empty() {
            parts.push(self.columns("plain", &plain));
        }
        if !embedded.is_empty() {
            let numbers = self.columns("embedded", &embedded);
            parts.push(self.piecewise(&numbers));
        }
        if categories > 0 {
            let codes = self.columns("codes", &(numeric..numeric + categories).collect::<Vec<_>>());
            parts.push(self.embeddings(&codes));
        }
        if let [only] = parts.as_slice() {
            return only.clone();
        }
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.graph.op("Concat", &names, vec![int("axis", 1)])
    }

    /// These columns of `x`; `x` itself where they are all.
    fn columns(&mut self, name: &str, columns: &[usize]) -> String {
        if columns.len() == self.arch.numeric + self.arch.category_sizes.len() {
            return "x".to_owned();
        }
        let positions: Vec<i64> = columns.iter().map(|&column| column as i64).collect();
        let positions = self.graph.ints(&format!("{name}.columns"), &positions);
        self.graph.op("Gather", &["x", &positions], vec![int("axis", 1)])
    }

    /// Codes to rows of the shared table; a code outside its category is unknown (0).
    fn embeddings(&mut self, codes: &str) -> String {
        let sizes = self.arch.category_sizes.clone();
        let count = sizes.len();
        let limits: Vec<f32> = sizes.iter().map(|&size| size as f32).collect();
        let offsets: Vec<i64> = sizes
            .iter()
            .scan(0, |next, &size| {
                let offset = *next;
                *next += size as i64;
                Some(offset)
            })
            .collect();
        let zero = self.graph.floats("codes.zero", &[1], &[0.0]);
        let limits = self.graph.floats("codes.limit", &[count], &limits);
        let offsets = self.graph.ints("codes.offset", &offsets);
        let low = self.graph.op("GreaterOrEqual", &[codes, &zero], Vec::new());
        let high = self.graph.op("Less", &[codes, &limits], Vec::new());
        let known = self.graph.op("And", &[&low, &high], Vec::new());
        let code = self.graph.op("Where", &[&known, codes, &zero], Vec::new());
        let code = self.graph.op("Cast", &[&code], vec![int("to", i64::from(proto::INT64))]);
        let row = self.graph.op("Add", &[&code, &offsets], Vec::new());
        let table = self.own("embedding.weight");
        let embedded = self.graph.op("Gather", &[&table, &row], vec![int("axis", 0)]);
        let flat = self.graph.ints("codes.flat", &[-1, (count * self.arch.embedding) as i64]);
        self.graph.op("Reshape", &[&embedded, &flat], Vec::new())
    }

    /// Piecewise-linear embeddings. `[batch, columns]` to `[batch, columns * ple_width]`
    fn piecewise(&mut self, numbers: &str) -> String {
        let (columns, bins) = (self.arch.ple_columns().len(), self.arch.bins());
        let width = self.arch.ple_width;
        let tables = PleTables::new(self.arch);
        let axis = self.graph.ints("ple.axis", &[2]);
        let mut x = self.graph.op("Unsqueeze", &[numbers, &axis], Vec::new());
        for (op, table, values) in [
            ("Sub", "ple.origin", &tables.origin),
            ("Mul", "ple.slope", &tables.slope),
            ("Max", "ple.low", &tables.low),
            ("Min", "ple.high", &tables.high),
        ] {
            let table = self.graph.floats(table, &[columns, bins], values);
            x = self.graph.op(op, &[&x, &table], Vec::new());
        }
        let swap = || vec![int_list("perm", &[1, 0, 2])];
        let x = self.graph.op("Transpose", &[&x], swap());
        let weight = self.own("ple.weight");
        let bias = self.weight("ple.bias", &[columns, 1, width]);
        let x = self.graph.op("MatMul", &[&x, &weight], Vec::new());
        let x = self.graph.op("Add", &[&x, &bias], Vec::new());
        let x = self.graph.op("Transpose", &[&x], swap());
        let flat = self.graph.ints("ple.flat", &[-1, (columns * width) as i64]);
        self.graph.op("Reshape", &[&x, &flat], Vec::new())
    }

    /// A fully connected layer.
    pub fn linear(&mut self, name: &str, x: &str) -> String {
        let weight = self.own(&format!("{name}.weight"));
        let bias = self.own(&format!("{name}.bias"));
        self.graph.op("Gemm", &[x, &weight, &bias], Vec::new())
    }

    /// A rectifier.
    pub fn relu(&mut self, x: &str) -> String {
        self.graph.op("Relu", &[x], Vec::new())
    }

    fn mlp(&mut self, mut x: String) -> String {
        for layer in 0..self.arch.depth {
            x = self.linear(&format!("layers.{layer}"), &x);
            x = self.relu(&x);
        }
        self.linear("head", &x)
    }

    fn norm(&mut self, name: &str, x: &str) -> String {
        let gamma = self.own(&format!("{name}.gamma"));
        let beta = self.own(&format!("{name}.beta"));
        let attributes = vec![int("axis", -1), float("epsilon", NORM_EPSILON as f32)];
        self.graph.op("LayerNormalization", &[x, &gamma, &beta], attributes)
    }

    fn resnet(&mut self, x: &str) -> String {
        let mut x = self.linear("input", x);
        for block in 0..self.arch.depth {
            let inner = self.norm(&format!("blocks.{block}.norm"), &x);
            let inner = self.linear(&format!("blocks.{block}.expand"), &inner);
            let inner = self.relu(&inner);
            let inner = self.linear(&format!("blocks.{block}.contract"), &inner);
            x = self.graph.op("Add", &[&x, &inner], Vec::new());
        }
        let x = self.norm("norm", &x);
        let x = self.relu(&x);
        self.linear("head", &x)
    }

    /// Members side by side, adapters folded into a matrix of each. `[members, batch, outputs]`
    fn tabm(&mut self, x: &str) -> String {
        let members = self.arch.members;
        let axis = self.graph.ints("members.axis", &[0]);
        let mut x = self.graph.op("Unsqueeze", &[x, &axis], Vec::new());
        let mut inputs = self.arch.inputs();
        for layer in 0..self.arch.depth {
            let folded = self.folded(layer).unwrap_or_default();
            let (name, units) = (format!("layers.{layer}.weight"), self.arch.units(layer));
            let weight = self.graph.floats(&name, &[members, inputs, units], &folded);
            let bias = self.weight(&format!("layers.{layer}.bias"), &[members, 1, units]);
            x = self.graph.op("MatMul", &[&x, &weight], Vec::new());
            x = self.graph.op("Add", &[&x, &bias], Vec::new());
            x = self.relu(&x);
            inputs = units;
        }
        let weight = self.own("head.weight");
        let bias = self.weight("head.bias", &[members, 1, self.arch.outputs]);
        let x = self.graph.op("MatMul", &[&x, &weight], Vec::new());
        self.graph.op("Add", &[&x, &bias], Vec::new())
    }

    /// A layer's `r W s` of every member, row-major `[members, inputs, width]`.
    fn folded(&self, layer: usize) -> Option<Vec<f32>> {
        let tensor = |part: &str| self.weights.get(&format!("layers.{layer}.{part}"));
        let ((shape, weight), (_, r), (_, s)) = (tensor("weight")?, tensor("r")?, tensor("s")?);
        let (inputs, width) = (shape[0], shape[1]);
        let mut folded = Vec::with_capacity(self.arch.members * inputs * width);
        for (r, s) in r.chunks_exact(inputs).zip(s.chunks_exact(width)) {
            for (row, r) in weight.chunks_exact(width).zip(r) {
                folded.extend(row.iter().zip(s).map(|(weight, s)| weight * r * s));
            }
        }
        Some(folded)
    }

    /// Members to one output a row, as `score::combine` does. `[batch, outputs]`
    fn combine(&mut self, x: &str) -> String {
        let over_members = || vec![int_list("axes", &[0]), int("keepdims", 0)];
        match self.arch.output {
            OutputScale::Value { .. } => self.graph.op("ReduceMean", &[x], over_members()),
            OutputScale::Logits if self.arch.outputs == 1 => {
                let minus = self.graph.op("Neg", &[x], Vec::new());
                let mut sides = [minus, x.to_owned()].map(|side| {
                    let soft = self.graph.op("Softplus", &[&side], Vec::new());
                    let log = self.graph.op("Neg", &[&soft], Vec::new());
                    self.graph.op("ReduceLogSumExp", &[&log], over_members())
                });
                let [yes, no] = &mut sides;
                self.graph.op("Sub", &[yes, no], Vec::new())
            }
            OutputScale::Logits => {
                let log = self.graph.op("LogSoftmax", &[x], vec![int("axis", -1)]);
                let sum = self.graph.op("ReduceLogSumExp", &[&log], over_members());
                let count = (self.arch.members as f32).ln();
                let count = self.graph.floats("members.log", &[1], &[count]);
                self.graph.op("Sub", &[&sum, &count], Vec::new())
            }
        }
    }

    /// The reported output, and its name.
    fn report(&mut self, raw: String) -> &'static str {
        let (name, last) = match self.arch.output {
            OutputScale::Logits => ("logits", raw),
            OutputScale::Value { mean, std, log } => {
                let std = self.graph.floats("target.std", &[1], &[std as f32]);
                let mean = self.graph.floats("target.mean", &[1], &[mean as f32]);
                let scaled = self.graph.op("Mul", &[&raw, &std], Vec::new());
                let value = self.graph.op("Add", &[&scaled, &mean], Vec::new());
                ("value", if log { self.graph.op("Exp", &[&value], Vec::new()) } else { value })
            }
        };
        self.graph.node("Identity", &[&last], name, Vec::new());
        name
    }
}
