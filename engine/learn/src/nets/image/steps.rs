//! Steps: what an image network does to a picture, one after the other.

use orrery_domain::image::ImageShape;

use super::super::{Architecture, Family};

/// Shortest side that pooling still halves.
const POOLED_SIDE: u32 = 4;
/// Shortest side of a picture that a residual network halves before its first block.
const LARGE_SIDE: u32 = 16;
/// Most groups of a group normalization.
const GROUPS: usize = 8;

/// A convolution with stride 1 whose output has the size of its input. `{name}.weight` `[outputs, inputs, kernel, kernel]`,
/// `{name}.bias` `[outputs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Conv {
    /// Name of its tensors.
    pub name: String,
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of its kernel, 1 or 3.
    pub kernel: usize,
}

impl Conv {
    fn new(name: impl Into<String>, inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self { name: name.into(), inputs, outputs, kernel }
    }

    /// Zeros around the picture.
    pub fn padding(&self) -> usize {
        self.kernel / 2
    }
}

/// One thing that is done to a picture `[channels, height, width]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// Convolution.
    Conv(Conv),
    /// Group normalization (Wu and He 2018), over each group of channels of each picture: the same in training and prediction.
    /// `{name}.gamma` and `{name}.beta` `[channels]`.
    Norm {
        /// Name of its tensors.
        name: String,
        /// Channels.
        channels: usize,
        /// Groups, which divide the channels.
        groups: usize,
    },
    /// Rectifier.
    Relu,
    /// Maximum of every two by two pixels; a last odd line or place is left out.
    Pool,
    /// Keeps the picture for the next [`Step::Add`].
    Keep,
    /// Adds what was kept, through a convolution where the channels differ.
    Add(Option<Conv>),
}

/// How a picture becomes a row of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Ending {
    /// All its values. `[channels * height * width]`
    Flatten,
    /// The mean of each channel. `[channels]`
    Mean,
}

/// A fully connected layer. `{name}.weight` `[inputs, outputs]`, `{name}.bias` `[outputs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Layer {
    /// Name of its tensors.
    pub name: String,
    /// Numbers in.
    pub inputs: usize,
    /// Numbers out.
    pub outputs: usize,
}

/// All that an image network does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Plan {
    /// Shape of the pictures.
    pub shape: ImageShape,
    /// What is done to them.
    pub steps: Vec<Step>,
    /// How they become rows.
    pub ending: Ending,
    /// Layers over the rows, a rectifier between each two, dropout before the last.
    pub layers: Vec<Layer>,
}

impl Plan {
    /// The plan of an architecture; `None` where it is no image network.
    pub fn of(arch: &Architecture) -> Option<Self> {
        let shape = arch.image?;
        match arch.family {
            Family::Cnn => Some(plain(arch, shape)),
            Family::ResnetCnn => Some(residual(arch, shape)),
            Family::Linear | Family::Mlp | Family::Resnet | Family::Tabm => None,
        }
    }

    /// Multiplications that one picture costs.
    pub fn multiplications(&self) -> u64 {
        let mut side = Side(self.shape.width, self.shape.height);
        let mut all = 0;
        for step in &self.steps {
            match step {
                Step::Conv(conv) | Step::Add(Some(conv)) => {
                    let each = conv.inputs * conv.outputs * conv.kernel * conv.kernel;
                    all += each as u64 * u64::from(side.0) * u64::from(side.1);
                }
                Step::Pool => side = Side(side.0 / 2, side.1 / 2),
                Step::Norm { .. } | Step::Relu | Step::Keep | Step::Add(None) => {}
            }
        }
        all + self.layers.iter().map(|layer| (layer.inputs * layer.outputs) as u64).sum::<u64>()
    }

    /// Values of the largest picture on the way.
    pub fn largest(&self) -> usize {
        let mut side = Side(self.shape.width, self.shape.height);
        let mut largest = self.shape.values();
        for step in &self.steps {
            match step {
                Step::Conv(conv) => largest = largest.max(conv.outputs * side.0 as usize * side.1 as usize),
                Step::Pool => side = Side(side.0 / 2, side.1 / 2),
                Step::Norm { .. } | Step::Relu | Step::Keep | Step::Add(_) => {}
            }
        }
        largest
    }
}

/// Width and height of a picture on its way.
struct Side(u32, u32);

impl Side {
    /// Adds a pooling where the picture is large enough.
    fn pool(&mut self, steps: &mut Vec<Step>) {
        if self.0.min(self.1) >= POOLED_SIDE {
            steps.push(Step::Pool);
            (self.0, self.1) = (self.0 / 2, self.1 / 2);
        }
    }
}

/// Channels of a stage as it is designed: they double from stage to stage, three times at most.
fn channels(arch: &Architecture, stage: usize) -> usize {
    arch.width << stage.min(3)
}

/// Channels and hidden units in the order in which a plan comes upon them: what pruning left of them, else as they were designed.
struct Widths<'a> {
    arch: &'a Architecture,
    met: usize,
}

impl Widths<'_> {
    fn next(&mut self, designed: usize) -> usize {
        self.met += 1;
        self.arch.hidden.get(self.met - 1).copied().unwrap_or(designed)
    }
}

/// A group normalization of a layer that was designed with so many channels: they were divided into as many equal groups as can be, 8 at
/// most, and pruning takes whole groups, so that those that are left keep their size and what they compute.
fn norm(name: String, channels: usize, designed: usize) -> Step {
    let most = (1..=GROUPS).rev().find(|groups| designed.is_multiple_of(*groups)).unwrap_or(1);
    let size = (designed / most).max(1);
    let groups = if channels.is_multiple_of(size) { (channels / size).max(1) } else { 1 };
    Step::Norm { name, channels, groups }
}

/// Convolution, rectifier and pooling in stages, then one hidden layer.
fn plain(arch: &Architecture, shape: ImageShape) -> Plan {
    let mut side = Side(shape.width, shape.height);
    let mut widths = Widths { arch, met: 0 };
    let (mut steps, mut inputs) = (Vec::new(), shape.channels as usize);
    for stage in 0..arch.depth {
        let outputs = widths.next(channels(arch, stage));
        steps.push(Step::Conv(Conv::new(format!("stages.{stage}.conv"), inputs, outputs, 3)));
        steps.push(Step::Relu);
        side.pool(&mut steps);
        inputs = outputs;
    }
    let flat = inputs * side.0 as usize * side.1 as usize;
    let hidden = widths.next(4 * arch.width);
    let layers = vec![
        Layer { name: "hidden".to_owned(), inputs: flat, outputs: hidden },
        Layer { name: "head".to_owned(), inputs: hidden, outputs: arch.outputs },
    ];
    Plan { shape, steps, ending: Ending::Flatten, layers }
}

/// Residual blocks that normalize first (He et al. 2016, "Identity mappings in deep residual networks", figure 4e). A block that is
/// designed with more channels than come in opens a stream of its own, whatever pruning has left of either.
fn residual(arch: &Architecture, shape: ImageShape) -> Plan {
    let mut side = Side(shape.width, shape.height);
    let mut widths = Widths { arch, met: 0 };
    let mut designed = channels(arch, 0);
    let mut inputs = widths.next(designed);
    let mut steps = vec![Step::Conv(Conv::new("stem", shape.channels as usize, inputs, 3))];
    if side.0.min(side.1) >= LARGE_SIDE {
        side.pool(&mut steps);
    }
    for stage in 0..arch.depth {
        if stage > 0 {
            side.pool(&mut steps);
        }
        let wider = channels(arch, stage);
        let opens = wider != designed;
        let inner = widths.next(wider);
        let outputs = if opens { widths.next(wider) } else { inputs };
        let name = |part: &str| format!("blocks.{stage}.{part}");
        let shortcut = opens.then(|| Conv::new(name("shortcut"), inputs, outputs, 1));
        steps.extend([
            Step::Keep,
            norm(name("norm1"), inputs, designed),
            Step::Relu,
            Step::Conv(Conv::new(name("conv1"), inputs, inner, 3)),
            norm(name("norm2"), inner, wider),
            Step::Relu,
            Step::Conv(Conv::new(name("conv2"), inner, outputs, 3)),
            Step::Add(shortcut),
        ]);
        (inputs, designed) = (outputs, wider);
    }
    steps.extend([norm("norm".to_owned(), inputs, designed), Step::Relu]);
    let layers = vec![Layer { name: "head".to_owned(), inputs, outputs: arch.outputs }];
    Plan { shape, steps, ending: Ending::Mean, layers }
}
