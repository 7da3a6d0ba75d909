//! Files of a model folder: written whole or not at all, and hashed.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use orrery_domain::{Failure, FailureClass, model::ModelFile};

/// Writes a file beside `path`, syncs it, renames it into place and syncs the folder.
///
/// # Errors
/// A capacity failure when the disk does not take it; what was at `path` before is kept.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let mut file = beside(path)?;
        file.write_all(bytes)?;
        persist(file, path)
    };
    write().map_err(|error| unwritten(path, &error))
}

/// A temporary file in the folder of `path`, removed again unless [`persist`]ed.
pub(crate) fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Named like no file of a model, so that one left by a crash is told from the model's own.
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The default of a temporary file is "for its owner only", which a finished model is not.
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    builder.prefix(TEMPORARY).tempfile_in(folder)
}

/// Syncs a file and renames it to `path`.
pub(crate) fn persist(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    // Only Unix can open a folder to sync the rename itself.
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The failure of a file that could not be written.
pub(crate) fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        FailureClass::Capacity,
        format!(
            "The file could not be written: {error}. Free some disk space or choose another folder, and try again. ({})",
            path.display()
        ),
    )
}

const TEMPORARY: &str = ".writing-";

/// Size and BLAKE3 of every file directly in `dir` but `except`, by name.
pub(super) fn hash_all(dir: &Path, except: &str) -> Result<Vec<ModelFile>, Failure> {
    let read = || -> io::Result<Vec<ModelFile>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && name != except && !name.starts_with('.') {
                found.push(hash(&entry.path(), &name)?);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    };
    read().map_err(|error| {
        Failure::new(
            FailureClass::Capacity,
            format!("The model's files could not be read back: {error}. Check the disk. ({})", dir.display()),
        )
    })
}

/// Size and BLAKE3 of one file.
pub(super) fn hash(path: &Path, name: &str) -> io::Result<ModelFile> {
    let mut hasher = blake3::Hasher::new();
    let mut file = fs::File::open(path)?;
    let bytes = io::copy(&mut file, &mut hasher)?;
    Ok(ModelFile { name: name.to_owned(), bytes, hash: hasher.finalize().to_hex().to_string() })
}
