//! Parameters: which tensors an architecture has, and their first values.

use super::{
    Architecture, Family, Weights,
    batch::Noise,
    image::{Conv, Plan, Step},
};

/// How a tensor begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Init {
    /// Uniform in `±bound`.
    Uniform(f64),
    /// All one value.
    Constant(f32),
    /// +1 or -1 at random, one draw for each run of this length; the runs repeat to the tensor's end.
    Signs(Vec<usize>),
}

/// A tensor of an architecture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spec {
    /// Name in the weights' file.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// First values.
    pub init: Init,
    /// Whether weight decay applies: to matrices, not to biases, norms, adapters and embeddings.
    pub decay: bool,
}

/// Collects specs.
struct Specs(Vec<Spec>);

impl Specs {
    fn add(&mut self, name: impl Into<String>, shape: &[usize], init: Init, decay: bool) {
        self.0.push(Spec { name: name.into(), shape: shape.to_vec(), init, decay });
    }

    /// A fully connected layer, uniform in `±1/sqrt(inputs)`.
    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        let init = fan_in(inputs);
        self.add(format!("{name}.weight"), &[inputs, outputs], init.clone(), true);
        self.add(format!("{name}.bias"), &[outputs], init, false);
    }

    /// A convolution before a rectifier: uniform in `±sqrt(6/inputs)` (He et al. 2015, "Delving deep into rectifiers", section 2.2).
    fn convolution(&mut self, Conv { name, inputs, outputs, kernel }: &Conv) {
        let fan_in = (inputs * kernel * kernel).max(1) as f64;
        let shape = [*outputs, *inputs, *kernel, *kernel];
        self.add(format!("{name}.weight"), &shape, Init::Uniform((6.0 / fan_in).sqrt()), true);
        self.add(format!("{name}.bias"), &[*outputs], Init::Constant(0.0), false);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.gamma"), &[width], Init::Constant(1.0), false);
        self.add(format!("{name}.beta"), &[width], Init::Constant(0.0), false);
    }
}

fn fan_in(inputs: usize) -> Init {
    Init::Uniform(1.0 / (inputs.max(1) as f64).sqrt())
}

/// The tensors of an image network.
fn plan_specs(plan: &Plan, specs: &mut Specs) {
    for step in &plan.steps {
        match step {
            Step::Conv(conv) | Step::Add(Some(conv)) => specs.convolution(conv),
            Step::Norm { name, channels, .. } => specs.norm(name, *channels),
            Step::Relu | Step::Pool | Step::Keep | Step::Add(None) => {}
        }
    }
    for layer in &plan.layers {
        specs.linear(&layer.name, layer.inputs, layer.outputs);
    }
}

impl Architecture {
    /// Codes of all category features together: rows of the shared embedding table.
    pub(super) fn codes(&self) -> usize {
        self.category_sizes.iter().sum()
    }

    /// Bins of the widest piecewise-linear embedding.
    pub(super) fn bins(&self) -> usize {
        self.ple_edges.iter().map(|edges| edges.len().saturating_sub(1)).max().unwrap_or(0)
    }

    /// Numeric columns that enter as they are.
    pub(super) fn plain_columns(&self) -> Vec<usize> {
        (0..self.numeric).filter(|&column| self.ple_edges.get(column).is_none_or(Vec::is_empty)).collect()
    }

    /// Numeric columns that enter through piecewise-linear embeddings.
    pub(super) fn ple_columns(&self) -> Vec<usize> {
        (0..self.numeric)
            .filter(|&column| self.ple_edges.get(column).is_some_and(|e| !e.is_empty()))
            .collect()
    }

    /// Inputs of the first layer, embeddings included.
    pub(super) fn inputs(&self) -> usize {
        let numeric = self.plain_columns().len() + self.ple_columns().len() * self.ple_width;
        numeric + self.category_sizes.len() * self.embedding
    }

    /// Inputs of the first layer that each column gives, in their order.
    fn runs(&self) -> Vec<usize> {
        let plain = vec![1; self.plain_columns().len()];
        let embedded = vec![self.ple_width; self.ple_columns().len()];
        [plain, embedded, vec![self.embedding; self.category_sizes.len()]].concat()
    }

    /// Units of a hidden layer, or of a residual block's inner layer.
    pub fn units(&self, layer: usize) -> usize {
        let usual = if self.family == Family::Resnet { 2 * self.width } else { self.width };
        self.hidden.get(layer).copied().unwrap_or(usual)
    }

    /// Every tensor.
    pub(super) fn specs(&self) -> Vec<Spec> {
        let mut specs = Specs(Vec::new());
        if self.codes() > 0 {
            specs.add("embedding.weight", &[self.codes(), self.embedding], fan_in(self.embedding), false);
        }
        let embedded = self.ple_columns().len();
        if embedded > 0 {
            let init = fan_in(self.bins());
            specs.add("ple.weight", &[embedded, self.bins(), self.ple_width], init.clone(), false);
            specs.add("ple.bias", &[embedded, self.ple_width], init, false);
        }
        match self.family {
            Family::Linear => specs.linear("head", self.inputs(), self.outputs),
            Family::Mlp => {
                let mut inputs = self.inputs();
                for layer in 0..self.depth {
                    specs.linear(&format!("layers.{layer}"), inputs, self.units(layer));
                    inputs = self.units(layer);
                }
                specs.linear("head", inputs, self.outputs);
            }
            Family::Resnet => {
                specs.linear("input", self.inputs(), self.width);
                for block in 0..self.depth {
                    specs.norm(&format!("blocks.{block}.norm"), self.width);
                    specs.linear(&format!("blocks.{block}.expand"), self.width, self.units(block));
                    specs.linear(&format!("blocks.{block}.contract"), self.units(block), self.width);
                }
                specs.norm("norm", self.width);
                specs.linear("head", self.width, self.outputs);
            }
            Family::Tabm => self.ensemble_specs(&mut specs),
            Family::Cnn | Family::ResnetCnn => {
                if let Some(plan) = Plan::of(self) {
                    plan_specs(&plan, &mut specs);
                }
            }
        }
        specs.0
    }

    /// `TabM`: shared matrices, an input and an output adapter and a bias for each member, separate heads. The first input
    /// adapter begins at random signs, one a column and member, and sets the members apart; all others begin at 1
    /// (Gorishniy et al. 2024, section 3).
    fn ensemble_specs(&self, specs: &mut Specs) {
        let members = self.members;
        let mut inputs = self.inputs();
        for layer in 0..self.depth {
            let name = |part: &str| format!("layers.{layer}.{part}");
            let first = if layer == 0 { Init::Signs(self.runs()) } else { Init::Constant(1.0) };
            let units = self.units(layer);
            specs.add(name("weight"), &[inputs, units], fan_in(inputs), true);
            specs.add(name("r"), &[members, inputs], first, false);
            specs.add(name("s"), &[members, units], Init::Constant(1.0), false);
            specs.add(name("bias"), &[members, units], fan_in(inputs), false);
            inputs = units;
        }
        specs.add("head.weight", &[members, inputs, self.outputs], fan_in(inputs), true);
        specs.add("head.bias", &[members, self.outputs], fan_in(inputs), false);
    }
}

/// Trainable parameters.
pub fn parameter_count(arch: &Architecture) -> u64 {
    arch.specs().iter().map(|spec| spec.shape.iter().product::<usize>() as u64).sum()
}

/// First weights of an architecture; the same for the same seed everywhere.
pub fn initial_weights(arch: &Architecture, seed: u64) -> Weights {
    let specs = arch.specs().into_iter().enumerate();
    specs
        .map(|(index, spec)| {
            let mut noise = Noise::new(seed, Noise::WEIGHTS, index as u64);
            let size = spec.shape.iter().product::<usize>();
            let values = match spec.init {
                Init::Uniform(bound) => {
                    (0..size).map(|_| ((noise.uniform() * 2.0 - 1.0) * bound) as f32).collect()
                }
                Init::Constant(value) => vec![value; size],
                Init::Signs(runs) => {
                    let sign = |noise: &mut Noise| if noise.next() & 1 == 0 { 1.0 } else { -1.0 };
                    let signs = runs.iter().cycle().flat_map(|&run| vec![sign(&mut noise); run]);
                    if size == 0 { Vec::new() } else { signs.take(size).collect() }
                }
            };
            (spec.name, (spec.shape, values))
        })
        .collect()
}
