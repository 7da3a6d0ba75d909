//! Triton: a version onto a server that replaces all of a model at each load, and answers with its greatest version where none is
//! named.
//!
//! Seen of Triton 2.51 in explicit mode: an upload hides what its own repository has of the model, and is in no index; a version that
//! a load leaves out goes; a load that fails changes nothing; a load that names a version it does not have is answered with 200.

use std::{collections::BTreeMap, path::Path, path::PathBuf};

use orrery_domain::{Failure, FailureClass, ModelRef};
use orrery_learn::onnx::{ElementType, Slot, interface};
use orrery_oip::control::{LoadFile, LoadRequest};
use serde_json::{Value, json};

use super::load::order;
use crate::{
    files,
    fleet::{client::Server, identity},
    registry,
};

/// The file that Triton's ONNX Runtime backend takes.
const FILE: &str = "model.onnx";
/// Marks a version's hash among the parameters of a configuration, so that an upload is known again.
const MARK: &str = "orrery.blake3.";

/// What a Triton has of a model, and how a version comes onto it.
#[derive(Debug)]
pub struct Holding {
    model: String,
    wanted: u32,
    /// Versions that answered when it was asked, ascending.
    before: Vec<u32>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Its own repository has the model: a load says which versions answer.
    Repository,
    /// Every load carries the files of all versions that are to answer: these, or why they cannot be sent.
    Upload(Result<Vec<Part>, Failure>),
}

/// A version as it is sent.
#[derive(Debug)]
struct Part {
    version: u32,
    file: PathBuf,
    hash: String,
    bytes: u64,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
}

impl Holding {
    /// Asks a server what it has, and whether the version can come beside it.
    ///
    /// # Errors
    /// When it does not answer, or an upload would take away what answers now.
    pub async fn survey(server: &Server, model: &ModelRef, folder: &Path) -> Result<Self, Failure> {
        let before = ready(server, &model.name).await?;
        let listed = identity::index(server).await?.unwrap_or_default();
        let way = if listed.iter().any(|known| known.name == model.name) {
            Way::Repository
        } else {
            Way::Upload(parts(server, model, folder, &before).await)
        };
        if let Way::Upload(Err(why)) = &way
            && !before.contains(&model.version)
        {
            return Err(why.clone());
        }
        Ok(Self { model: model.name.clone(), wanted: model.version, before, way })
    }

    /// Versions that answered before the rollout, ascending.
    pub fn before(&self) -> &[u32] {
        &self.before
    }

    /// Takes what the rollout brought since out of what was there before it. What went since cannot be shown again by a load.
    pub fn recall(&mut self, before: &[u32]) {
        self.before.retain(|version| before.contains(version));
    }

    /// The version that answers where none is named.
    pub fn served(&self) -> Option<u32> {
        self.before.last().copied()
    }

    /// Bytes that are sent for the version; `None` where it has or finds the version itself.
    pub fn upload_bytes(&self) -> Option<u64> {
        match &self.way {
            Way::Upload(Ok(parts)) if !self.before.contains(&self.wanted) => {
                parts.iter().find(|part| part.version == self.wanted).map(|part| part.bytes)
            }
            _ => None,
        }
    }

    /// Versions that stay beside the one that comes: an upload keeps the served one alone.
    fn kept(&self) -> Vec<u32> {
        match self.way {
            Way::Repository => self.before.clone(),
            Way::Upload(_) => self.served().into_iter().collect(),
        }
    }

    /// Loads the version beside what is served.
    ///
    /// # Errors
    /// Why it does not answer afterwards.
    pub async fn load(&self, server: &Server) -> Result<String, Failure> {
        if self.before.contains(&self.wanted) {
            return Ok("it was ready".to_owned());
        }
        let mut versions = self.kept();
        versions.push(self.wanted);
        let first = matches!(self.way, Way::Repository) && self.before.is_empty();
        if first {
            // What was never loaded has no configuration to change: it is loaded as its repository has it.
            order(server, &self.model, &LoadRequest::default()).await?;
        }
        if !first || !answers(server, &self.model, self.wanted).await? {
            self.show(server, &versions).await?;
        }
        let how = match self.way {
            Way::Repository => "loaded from its own repository",
            Way::Upload(_) => "uploaded and loaded, until it is started anew",
        };
        let greatest = versions.iter().max().copied().unwrap_or(self.wanted);
        Ok(format!("{how}; where no version is named it answers with its greatest, now {greatest}"))
    }

    /// Makes it the version that answers where none is named: its greatest. A greater one is taken off.
    ///
    /// # Errors
    /// Why the server did not.
    pub async fn serve(&self, server: &Server) -> Result<String, Failure> {
        if self.served().is_none_or(|served| served <= self.wanted) {
            return Ok("it is the greatest it has".to_owned());
        }
        let mut versions = match self.way {
            Way::Repository => self.before.clone(),
            // An upload holds one version beside the served one.
            Way::Upload(_) => Vec::new(),
        };
        versions.retain(|version| *version < self.wanted);
        versions.push(self.wanted);
        self.show(server, &versions).await?;
        Ok("greater versions were taken off".to_owned())
    }

    /// Makes what answered before answer again, and nothing else.
    ///
    /// # Errors
    /// Why the server did not.
    pub async fn take_back(&self, server: &Server) -> Result<String, Failure> {
        let (now, kept) = (ready(server, &self.model).await?, self.kept());
        if now == self.before || now == kept {
            return Ok("it answers as before".to_owned());
        }
        if kept.is_empty() {
            unload(server, &self.model).await?;
            return Ok("unloaded".to_owned());
        }
        self.show(server, &kept).await?;
        Ok(format!("version {} is the served one", kept.last().copied().unwrap_or_default()))
    }

    /// Loads exactly these versions, and looks whether they answer.
    async fn show(&self, server: &Server, versions: &[u32]) -> Result<(), Failure> {
        let request = match &self.way {
            Way::Upload(Err(why)) => return Err(why.clone()),
            Way::Upload(Ok(parts)) => {
                upload(&parts.iter().filter(|part| versions.contains(&part.version)).collect::<Vec<_>>())?
            }
            Way::Repository => {
                let mut config = config(server, &self.model).await?;
                config["version_policy"] = policy(versions);
                LoadRequest { config: Some(config.to_string()), ..LoadRequest::default() }
            }
        };
        order(server, &self.model, &request).await?;
        for &version in versions {
            if !answers(server, &self.model, version).await? {
                let message = format!(
                    "It took the request and does not have version {version}: the setting was ignored."
                );
                return Err(Failure::new(FailureClass::Model, message));
            }
        }
        Ok(())
    }
}

/// Versions that answer, ascending; none where the model is not loaded.
async fn ready(server: &Server, model: &str) -> Result<Vec<u32>, Failure> {
    if !identity::is_ready(server, model, None).await? {
        return Ok(Vec::new());
    }
    let metadata = identity::metadata(server, model, None).await?;
    let mut versions: Vec<u32> =
        metadata.versions.iter().filter_map(|version| version.parse().ok()).collect();
    versions.sort_unstable();
    Ok(versions)
}

async fn answers(server: &Server, model: &str, version: u32) -> Result<bool, Failure> {
    identity::is_ready(server, model, Some(&version.to_string())).await
}

async fn unload(server: &Server, model: &str) -> Result<(), Failure> {
    let path = format!("/v2/repository/models/{model}/unload");
    let reply = server.post(&path, b"{}".to_vec(), super::load::PATIENCE).await?;
    if reply.status.is_success() {
        return Ok(());
    }
    Err(Failure::new(FailureClass::Model, format!("It answered with {}.", reply.complaint())))
}

/// A loaded model's configuration.
async fn config(server: &Server, model: &str) -> Result<Value, Failure> {
    let reply = server.get(&format!("{}/config", identity::path(model, None)), super::load::PATIENCE).await?;
    let config = serde_json::from_slice::<Value>(&reply.body).ok().filter(Value::is_object);
    config.filter(|_| reply.status.is_success()).ok_or_else(|| {
        let message = format!("The configuration of '{model}' was answered with {}.", reply.complaint());
        Failure::new(FailureClass::Data, message)
    })
}

/// The parts that a load must carry: the version, and the one that is served now.
async fn parts(
    server: &Server,
    model: &ModelRef,
    folder: &Path,
    before: &[u32],
) -> Result<Vec<Part>, Failure> {
    let mut parts = vec![Part::read(model, folder)?];
    let Some(served) = before.iter().rev().find(|&&version| version != model.version) else {
        return Ok(parts);
    };
    let marks = marks(&config(server, &model.name).await?);
    for version in before.iter().filter(|&&version| version != model.version) {
        let other = ModelRef { name: model.name.clone(), version: *version };
        let part =
            folder.parent().and_then(|versions| Part::read(&other, &versions.join(version.to_string())).ok());
        let known = part.filter(|part| marks.get(version) == Some(&part.hash));
        let Some(part) = known else {
            return refuse(&format!(
                "Triton answers with version {version} of '{}', which was not uploaded from this workspace: an upload would take it \
                 away. Put version {} into the server's own repository.",
                model.name, model.version
            ));
        };
        if version == served {
            if (&part.inputs, &part.outputs) != (&parts[0].inputs, &parts[0].outputs) {
                return refuse(&format!(
                    "{model} has other inputs or outputs than version {version}, which Triton serves: one model has one \
                     configuration there. Give it a name of its own."
                ));
            }
            parts.push(part);
        }
    }
    Ok(parts)
}

fn refuse<T>(message: &str) -> Result<T, Failure> {
    Err(Failure::new(FailureClass::Client, format!("{message} Nothing was changed.")))
}

/// The hashes of what was uploaded from here, by version.
fn marks(config: &Value) -> BTreeMap<u32, String> {
    let parameters = config.get("parameters").and_then(Value::as_object);
    let mark = |(name, value): (&String, &Value)| {
        let version = name.strip_prefix(MARK)?.parse().ok()?;
        Some((version, value.get("string_value")?.as_str()?.to_owned()))
    };
    parameters.into_iter().flatten().filter_map(mark).collect()
}

fn policy(versions: &[u32]) -> Value {
    json!({ "specific": { "versions": versions } })
}

impl Part {
    fn read(model: &ModelRef, folder: &Path) -> Result<Self, Failure> {
        let card = registry::read_card(folder)?;
        let Some(vouched) = card.files.iter().find(|file| file.name == FILE) else {
            return refuse(&format!("{model} has no {FILE}, which is what Triton can be given."));
        };
        let file = folder.join(FILE);
        let (inputs, outputs) = interface(&file)?;
        let (hash, bytes) = (vouched.hash.clone(), vouched.bytes);
        Ok(Self { version: model.version, file, hash, bytes, inputs, outputs })
    }

    /// The file, as the card vouches for it.
    fn content(&self) -> Result<Vec<u8>, Failure> {
        let content = std::fs::read(&self.file)
            .map_err(|error| files::failure("A model's file could not be read", &error, &self.file))?;
        if blake3::hash(&content).to_hex().as_str() != self.hash {
            let message = format!("{} is not what the model's card vouches for.", self.file.display());
            return Err(Failure::new(FailureClass::Data, message));
        }
        Ok(content)
    }
}

/// A load that carries these versions and no other. Their inputs and outputs are alike.
fn upload(parts: &[&Part]) -> Result<LoadRequest, Failure> {
    let Some(last) = parts.last() else { return refuse("There is no version to upload.") };
    let versions: Vec<u32> = parts.iter().map(|part| part.version).collect();
    let marks: serde_json::Map<String, Value> = parts
        .iter()
        .map(|part| (format!("{MARK}{}", part.version), json!({ "string_value": part.hash })))
        .collect();
    let config = json!({
        "backend": "onnxruntime",
        "max_batch_size": 0,
        "version_policy": policy(&versions),
        "input": last.inputs.iter().map(tensor).collect::<Vec<_>>(),
        "output": last.outputs.iter().map(tensor).collect::<Vec<_>>(),
        "parameters": marks,
    });
    let file =
        |part: &&Part| Ok(LoadFile { path: format!("{}/{FILE}", part.version), content: part.content()? });
    let files = parts.iter().map(file).collect::<Result<_, Failure>>()?;
    Ok(LoadRequest { config: Some(config.to_string()), files, ..LoadRequest::default() })
}

/// An input or output as Triton's configuration has it; -1 is any length.
fn tensor(slot: &Slot) -> Value {
    let data_type = match slot.kind {
        ElementType::Float32 => "TYPE_FP32",
        ElementType::Float64 => "TYPE_FP64",
        ElementType::Int32 => "TYPE_INT32",
        ElementType::Int64 => "TYPE_INT64",
        ElementType::Int8 => "TYPE_INT8",
        ElementType::Uint8 => "TYPE_UINT8",
        ElementType::Bool => "TYPE_BOOL",
    };
    let length = |length: &Option<usize>| length.and_then(|length| i64::try_from(length).ok()).unwrap_or(-1);
    let dims = slot.shape.as_ref().map_or_else(|| vec![-1], |shape| shape.iter().map(length).collect());
    json!({ "name": slot.name, "data_type": data_type, "dims": dims })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rollout_brought_before_it_was_taken_up_was_not_there_before_it() {
        let found = |versions: &[u32]| Holding {
            model: "m".to_owned(),
            wanted: 2,
            before: versions.to_vec(),
            way: Way::Repository,
        };
        // Found at the take-up, in the record, and so there before.
        for (now, kept, before) in [
            (&[1, 2][..], &[1][..], &[1][..]),
            (&[2], &[], &[]),
            (&[3], &[], &[]),
            (&[1, 2], &[1, 2], &[1, 2]),
            (&[2], &[1], &[]),
        ] {
            let mut holding = found(now);
            holding.recall(kept);
            assert_eq!(holding.before(), before, "{now:?}, {kept:?}");
            assert_eq!(holding.served(), before.last().copied());
        }
    }

    #[test]
    fn an_upload_names_its_versions_and_is_known_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        crate::files::write_atomic(&file, b"graph").expect("written");
        let slot = |name: &str, width| Slot {
            name: name.to_owned(),
            kind: ElementType::Float32,
            shape: Some(vec![None, Some(width)]),
        };
        let part = |version| Part {
            version,
            file: file.clone(),
            hash: blake3::hash(b"graph").to_hex().to_string(),
            bytes: 5,
            inputs: vec![slot("x", 3)],
            outputs: vec![slot("logits", 2)],
        };
        let (old, new) = (part(3), part(4));
        let request = upload(&[&old, &new]).expect("made");
        let names: Vec<&str> = request.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["3/model.onnx", "4/model.onnx"]);
        let config: Value = serde_json::from_str(request.config.as_deref().expect("a config")).expect("JSON");
        assert_eq!(config["version_policy"], json!({ "specific": { "versions": [3, 4] } }));
        assert_eq!(config["input"], json!([{ "name": "x", "data_type": "TYPE_FP32", "dims": [-1, 3] }]));
        assert_eq!(marks(&config), BTreeMap::from([(3, old.hash.clone()), (4, new.hash.clone())]));
        assert_eq!(marks(&json!({ "parameters": { "orrery.blake3.x": 1, "other": {} } })), BTreeMap::new());

        crate::files::write_atomic(&file, b"changed").expect("written");
        assert!(upload(&[&old]).is_err(), "the card does not vouch for it");
        assert!(upload(&[]).is_err());
    }
}
