//! Routes: where the window can be. A route carries the selection, so a command knows what it is about.

use orrery_domain::{DatasetId, ModelRef, RunId};
use serde::{Deserialize, Serialize};

use crate::widgets::icon::{self, Icon};

/// A page of the rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageId {
    /// What to do next.
    Home,
    /// Datasets and their profiles.
    Data,
    /// A training request.
    Train,
    /// Runs and their curves.
    Runs,
    /// Model versions and their cards.
    Models,
    /// What a model goes by.
    Explain,
    /// Model versions held against each other.
    Compare,
    /// Smaller versions of networks.
    Compress,
    /// Settings and architectures, searched.
    Search,
    /// The best way to serve a model.
    Tune,
    /// What runs where, and the rollouts that change it.
    Deployments,
    /// Regions and the servers in them.
    Fleet,
    /// Gateways and how they share traffic out.
    Traffic,
    /// Regions taken out on purpose.
    Drills,
    /// Devices, appearance, workspace.
    Settings,
}

/// A page and what is selected on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "page", rename_all = "snake_case")]
pub enum Route {
    /// Home.
    #[default]
    Home,
    /// Data.
    Data {
        /// The dataset shown.
        dataset: Option<DatasetId>,
    },
    /// Train.
    Train {
        /// The dataset to train on.
        dataset: Option<DatasetId>,
    },
    /// Runs.
    Runs {
        /// The run in the header.
        run: Option<RunId>,
    },
    /// Models.
    Models {
        /// The model version shown.
        model: Option<ModelRef>,
    },
    /// Explain.
    Explain {
        /// The model to explain.
        model: Option<ModelRef>,
    },
    /// Compare.
    Compare {
        /// The first version.
        model: Option<ModelRef>,
    },
    /// Compress.
    Compress {
        /// The model version shown.
        model: Option<ModelRef>,
    },
    /// Search.
    Search {
        /// The search shown.
        search: Option<String>,
    },
    /// Tune.
    Tune {
        /// The tuning shown, by its id.
        tuning: Option<String>,
    },
    /// Deployments.
    Deployments {
        /// The model shown, as the servers name it.
        model: Option<String>,
    },
    /// Fleet.
    Fleet {
        /// The endpoint shown, by name.
        endpoint: Option<String>,
    },
    /// Traffic.
    Traffic {
        /// The gateway shown, by endpoint name.
        gateway: Option<String>,
    },
    /// Drills.
    Drills {
        /// The drill shown.
        drill: Option<String>,
    },
    /// Settings.
    Settings,
}

impl PageId {
    /// Every page, in the rail's order.
    pub const ALL: [Self; 15] = [
        Self::Home,
        Self::Data,
        Self::Train,
        Self::Runs,
        Self::Models,
        Self::Explain,
        Self::Compare,
        Self::Compress,
        Self::Search,
        Self::Tune,
        Self::Deployments,
        Self::Fleet,
        Self::Traffic,
        Self::Drills,
        Self::Settings,
    ];

    /// Whether it shows the fleet, so that the fleet is polled while it is open.
    pub fn is_of_fleet(self) -> bool {
        matches!(self, Self::Deployments | Self::Fleet | Self::Traffic | Self::Drills)
    }

    /// The word in the rail and the title of the page.
    pub fn title(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Data => "Data",
            Self::Train => "Train",
            Self::Runs => "Runs",
            Self::Models => "Models",
            Self::Explain => "Explain",
            Self::Compare => "Compare",
            Self::Compress => "Compress",
            Self::Search => "Search",
            Self::Tune => "Tune",
            Self::Deployments => "Deployments",
            Self::Fleet => "Fleet",
            Self::Traffic => "Traffic",
            Self::Drills => "Drills",
            Self::Settings => "Settings",
        }
    }

    /// Its icon.
    pub fn icon(self) -> Icon {
        match self {
            Self::Home => icon::HOME,
            Self::Data => icon::DATA,
            Self::Train => icon::TRAIN,
            Self::Runs => icon::RUNS,
            Self::Models => icon::MODELS,
            Self::Explain => icon::EXPLAIN,
            Self::Compare => icon::COMPARE,
            Self::Compress => icon::COMPRESS,
            Self::Search => icon::TRIALS,
            Self::Tune => icon::TUNE,
            Self::Deployments => icon::DEPLOYMENTS,
            Self::Fleet => icon::FLEET,
            Self::Traffic => icon::TRAFFIC,
            Self::Drills => icon::DRILLS,
            Self::Settings => icon::SETTINGS,
        }
    }

    /// The page of that name, as `--page` takes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.title().eq_ignore_ascii_case(name))
    }

    /// The page with nothing selected.
    pub fn route(self) -> Route {
        match self {
            Self::Home => Route::Home,
            Self::Data => Route::Data { dataset: None },
            Self::Train => Route::Train { dataset: None },
            Self::Runs => Route::Runs { run: None },
            Self::Models => Route::Models { model: None },
            Self::Explain => Route::Explain { model: None },
            Self::Compare => Route::Compare { model: None },
            Self::Compress => Route::Compress { model: None },
            Self::Search => Route::Search { search: None },
            Self::Tune => Route::Tune { tuning: None },
            Self::Deployments => Route::Deployments { model: None },
            Self::Fleet => Route::Fleet { endpoint: None },
            Self::Traffic => Route::Traffic { gateway: None },
            Self::Drills => Route::Drills { drill: None },
            Self::Settings => Route::Settings,
        }
    }
}

impl Route {
    /// Its page.
    pub fn page(&self) -> PageId {
        match self {
            Self::Home => PageId::Home,
            Self::Data { .. } => PageId::Data,
            Self::Train { .. } => PageId::Train,
            Self::Runs { .. } => PageId::Runs,
            Self::Models { .. } => PageId::Models,
            Self::Explain { .. } => PageId::Explain,
            Self::Compare { .. } => PageId::Compare,
            Self::Compress { .. } => PageId::Compress,
            Self::Search { .. } => PageId::Search,
            Self::Tune { .. } => PageId::Tune,
            Self::Deployments { .. } => PageId::Deployments,
            Self::Fleet { .. } => PageId::Fleet,
            Self::Traffic { .. } => PageId::Traffic,
            Self::Drills { .. } => PageId::Drills,
            Self::Settings => PageId::Settings,
        }
    }
}
