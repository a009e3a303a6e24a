//! Files, directories and paths (13.2).

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::output::without_break;
use super::*;
use crate::object::Instance;
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::record::as_record;

pub(super) fn install(vm: &mut Vm) {
    let file = vm.make_class("File", ClassName::Object);
    vm.define_value("File", file.value());
    members(vm, file, FILE);
    class_methods(vm, file, FILE_OBJECT);
    let ctor = vm.native("ctor", 1, 1, new_file);
    file.ctor.set(ctor);
    vm.heap.barrier(file);
    let dir = vm.make_class("Dir", ClassName::Object);
    vm.define_value("Dir", dir.value());
    members(vm, dir, DIR);
    let reader = vm.make_class("FileReader", ClassName::Object);
    class_methods(vm, reader, READER);
    for (names, min, max, function) in IO {
        for name in *names {
            vm.define_fn_in(name, *min, *max, *function);
        }
    }
}

/// Defines members of a class, as in `File/read`.
fn members(vm: &mut Vm, class: Gc<Class>, table: &Natives) {
    for (names, min, max, function) in table {
        for name in *names {
            let native = vm.native(name, *min, *max, *function);
            class.members.set(&mut vm.heap, Symbol::intern(name), native);
        }
    }
}

const FILE: &Natives = &[
    (&["read"], 1, 1, read),
    (&["write"], 2, 2, write),
    (&["append"], 2, 2, append),
    (&["read_lines"], 1, 1, read_lines),
    (&["reader"], 1, 1, reader),
    (&["exists"], 1, 1, |vm, args| test(vm, args, Path::is_file)),
    (&["delete"], 1, 1, delete),
];

const FILE_OBJECT: &Natives = &[
    (&["read"], 0, 0, |vm, args| {
        let path = own_path(vm, args)?;
        read_path(vm, &path)
    }),
    (&["write"], 1, 1, |vm, args| {
        let path = own_path(vm, args)?;
        let content = vm.display(args.get(0));
        write_path(vm, &path, &content)
    }),
];

const DIR: &Natives = &[
    (&["create"], 1, 1, |vm, args| {
        let path = path_arg(vm, args, 0)?;
        done(vm, fs::create_dir_all(&path), "create directory", &path)
    }),
    (&["delete"], 1, 1, |vm, args| {
        let path = path_arg(vm, args, 0)?;
        done(vm, fs::remove_dir_all(&path), "delete directory", &path)
    }),
    (&["exists"], 1, 1, |vm, args| test(vm, args, Path::is_dir)),
    (&["list"], 1, 1, list),
];

const READER: &Natives = &[(&["read_line"], 0, 0, reader_line), (&["close"], 0, 0, reader_close)];

const IO: &Natives = &[
    (&["gene/io/read"], 1, 1, read),
    (&["gene/io/write"], 2, 2, |vm, args| {
        vm.str_arg(args, 1)?;
        write(vm, args)
    }),
    (&["io/path_join"], 1, ANY, path_join),
    (&["io/path_abs"], 1, 1, path_abs),
    (&["io/path_basename"], 1, 1, |vm, args| {
        path_part(vm, args, |p| p.file_name().map(|n| n.to_string_lossy().into_owned()))
    }),
    (&["io/path_dirname"], 1, 1, |vm, args| {
        path_part(vm, args, |p| p.parent().map(|d| d.to_string_lossy().into_owned()))
    }),
    (&["io/path_ext"], 1, 1, |vm, args| {
        path_part(vm, args, |p| p.extension().map(|e| format!(".{}", e.to_string_lossy())))
    }),
];

// ---- errors --------------------------------------------------------------

/// `IOError` for a failed operation: `action` completes `Failed to ...`.
#[cold]
pub(super) fn io_error(vm: &mut Vm, action: &str, path: &str, error: &io::Error) -> Throw {
    let code = match error.kind() {
        ErrorKind::NotFound => "GENE.IO.NOT_FOUND",
        ErrorKind::PermissionDenied => "GENE.IO.DENIED",
        _ => "GENE.IO.ERROR",
    };
    vm.error(ClassName::IOError, code, &format!("Failed to {action} '{path}': {error}"))
}

fn done(vm: &mut Vm, result: io::Result<()>, action: &str, path: &str) -> Outcome {
    match result {
        Ok(()) => Ok(Value::NIL),
        Err(error) => Err(io_error(vm, action, path, &error)),
    }
}

fn path_arg(vm: &mut Vm, args: Args, index: usize) -> Result<String, Throw> {
    vm.str_arg(args, index).map(str::to_owned)
}

// ---- files ---------------------------------------------------------------

fn read(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    read_path(vm, &path)
}

fn read_path(vm: &mut Vm, path: &str) -> Outcome {
    let content = content(vm, path)?;
    Ok(text(vm, &content))
}

/// What a file contains.
pub(super) fn content(vm: &mut Vm, path: &str) -> Result<String, Throw> {
    fs::read_to_string(path).map_err(|error| io_error(vm, "read file", path, &error))
}

fn write(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    let content = vm.display(args.get(1));
    write_path(vm, &path, &content)
}

fn write_path(vm: &mut Vm, path: &str, content: &str) -> Outcome {
    done(vm, fs::write(path, content), "write file", path)
}

fn append(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    let content = vm.display(args.get(1));
    let file = File::options().append(true).create(true).open(&path);
    let result = file.and_then(|mut f| f.write_all(content.as_bytes()));
    done(vm, result, "append to file", &path)
}

fn read_lines(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    let content = content(vm, &path)?;
    let lines: Vec<Value> = content.lines().map(|line| text(vm, line)).collect();
    Ok(array(vm, &lines))
}

fn test(vm: &mut Vm, args: Args, holds: fn(&Path) -> bool) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    Ok(Value::bool(holds(Path::new(&path))))
}

fn delete(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    let result = match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    done(vm, result, "delete file", &path)
}

fn new_file(vm: &mut Vm, args: Args) -> Outcome {
    vm.str_arg(args, 0)?;
    let object = match as_record(args.this()) {
        Some(_) => args.this(),
        None => {
            let class = Gc::<Class>::from_value(args.this());
            let class = class.unwrap_or_else(|| vm.make_class("File", ClassName::Object));
            Instance::new(&mut vm.heap, class.shape, 1).value()
        }
    };
    if let Some(record) = as_record(object) {
        record.set(&mut vm.heap, Symbol::intern("path"), args.get(0));
    }
    Ok(object)
}

fn own_path(vm: &mut Vm, args: Args) -> Result<String, Throw> {
    let path = as_record(args.this()).and_then(|r| r.get(Symbol::intern("path")));
    match path.and_then(crate::object::string::text_of) {
        Some(path) => Ok(path.to_owned()),
        None => Err(wrong_receiver(vm, args)),
    }
}

fn list(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    let entries = fs::read_dir(&path).and_then(|entries| {
        entries.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<PathBuf>>>()
    });
    match entries {
        Ok(entries) => {
            let paths: Vec<Value> =
                entries.iter().map(|p| text(vm, &p.to_string_lossy())).collect();
            Ok(array(vm, &paths))
        }
        Err(error) => Err(io_error(vm, "list directory", &path, &error)),
    }
}

// ---- readers -------------------------------------------------------------

/// A file that is read line by line.
struct Reader {
    path: String,
    /// `None` once it is closed.
    file: RefCell<Option<BufReader<File>>>,
}

impl ForeignData for Reader {
    fn class(&self) -> &'static str {
        "FileReader"
    }
}

fn reader(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    match File::open(&path) {
        Ok(file) => {
            let file = RefCell::new(Some(BufReader::new(file)));
            Ok(Foreign::new(&mut vm.heap, Reader { path, file }).value())
        }
        Err(error) => Err(io_error(vm, "read file", &path, &error)),
    }
}

fn reader_line(vm: &mut Vm, args: Args) -> Outcome {
    let Some(reader) = foreign::<Reader>(args.this()) else {
        return Err(wrong_receiver(vm, args));
    };
    let mut line = String::new();
    let read = match &mut *reader.file.borrow_mut() {
        Some(file) => file.read_line(&mut line),
        None => Err(io::Error::other("the reader is closed")),
    };
    match read {
        Ok(0) => Ok(Value::NIL),
        Ok(_) => Ok(text(vm, without_break(&line))),
        Err(error) => Err(io_error(vm, "read file", &reader.path, &error)),
    }
}

fn reader_close(vm: &mut Vm, args: Args) -> Outcome {
    match foreign::<Reader>(args.this()) {
        Some(reader) => *reader.file.borrow_mut() = None,
        None => return Err(wrong_receiver(vm, args)),
    }
    Ok(Value::NIL)
}

// ---- paths ---------------------------------------------------------------

fn path_join(vm: &mut Vm, args: Args) -> Outcome {
    let mut path = PathBuf::new();
    for index in 0..args.len() {
        path.push(vm.str_arg(args, index)?);
    }
    Ok(text(vm, &path.to_string_lossy()))
}

fn path_abs(vm: &mut Vm, args: Args) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    match std::path::absolute(&path) {
        Ok(absolute) => Ok(text(vm, &absolute.to_string_lossy())),
        Err(error) => Err(io_error(vm, "resolve path", &path, &error)),
    }
}

fn path_part(vm: &mut Vm, args: Args, part: fn(&Path) -> Option<String>) -> Outcome {
    let path = path_arg(vm, args, 0)?;
    Ok(text(vm, &part(Path::new(&path)).unwrap_or_default()))
}
