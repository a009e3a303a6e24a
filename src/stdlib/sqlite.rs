//! SQLite databases: `genex/sqlite` (13.13).

use std::cell::{Ref, RefCell};

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Batch, Connection, ErrorCode, OpenFlags, Statement};

use super::*;
use crate::object::foreign::{Foreign, ForeignData, foreign};
use crate::object::misc::{Bytes, bytes_of, int_of};
use crate::object::string::text_of;

pub(super) fn install(vm: &mut Vm) {
    vm.define_fn_in("genex/sqlite/open", 1, 1, open);
    let class = vm.make_class("SqliteConnection", ClassName::Object);
    class_methods(vm, class, METHODS);
    let ctor = vm.native("ctor", 0, ANY, |vm, _| {
        Err(vm.type_error("SqliteConnection cannot be created with new: use genex/sqlite/open"))
    });
    class.ctor.set(ctor);
    vm.heap.barrier(class);
}

const METHODS: &Natives = &[
    (&["query"], 1, ANY, query),
    (&["exec"], 1, ANY, exec),
    (&["begin"], 0, 0, |vm, args| run(vm, args, "BEGIN")),
    (&["commit"], 0, 0, |vm, args| run(vm, args, "COMMIT")),
    (&["rollback"], 0, 0, |vm, args| run(vm, args, "ROLLBACK")),
    (&["close"], 0, 0, close),
];

/// A connection; `None` once it is closed.
struct Database(RefCell<Option<Connection>>);

impl ForeignData for Database {
    fn class(&self) -> &'static str {
        "SqliteConnection"
    }
}

/// `ProviderException` with this message.
#[cold]
fn failure(vm: &mut Vm, message: impl AsRef<str>) -> Throw {
    vm.error(ClassName::ProviderException, "GENE.DB.ERROR", message.as_ref())
}

/// The result of SQLite, its errors as exceptions.
fn checked<T>(vm: &mut Vm, result: rusqlite::Result<T>) -> Result<T, Throw> {
    result.map_err(|error| match error.sqlite_error_code() {
        // Where statements and connections are used correctly, only an empty
        // statement gives this.
        Some(ErrorCode::ApiMisuse) => failure(vm, "The SQL contains no statement"),
        _ => failure(vm, error.to_string()),
    })
}

fn database<'a>(vm: &mut Vm, args: Args) -> Result<&'a Database, Throw> {
    foreign(args.this()).ok_or_else(|| wrong_receiver(vm, args))
}

/// The connection of the receiver, which must be open.
fn connection<'a>(vm: &mut Vm, args: Args) -> Result<Ref<'a, Connection>, Throw> {
    let open = Ref::filter_map(database(vm, args)?.0.borrow(), Option::as_ref);
    open.map_err(|_| failure(vm, "Connection is closed"))
}

/// Instructions of SQLite between two looks for an interrupt.
const STEPS: i32 = 10_000;

fn open(vm: &mut Vm, args: Args) -> Outcome {
    let path = vm.str_arg(args, 0)?;
    // Paths are no URIs: a file may be called `file:x?y`.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = checked(vm, Connection::open_with_flags(path, flags))?;
    // The next safepoint raises what the user asked for.
    let interrupt = vm.interrupt.clone();
    let watch = move || interrupt.is_cancelled();
    checked(vm, connection.progress_handler(STEPS, Some(watch)))?;
    let database = Database(RefCell::new(Some(connection)));
    Ok(Foreign::new(&mut vm.heap, database).value())
}

fn close(vm: &mut Vm, args: Args) -> Outcome {
    if let Some(connection) = database(vm, args)?.0.take() {
        checked(vm, connection.close().map_err(|(_, error)| error))?;
    }
    Ok(Value::NIL)
}

fn run(vm: &mut Vm, args: Args, sql: &str) -> Outcome {
    let connection = connection(vm, args)?;
    checked(vm, connection.execute_batch(sql))?;
    Ok(Value::NIL)
}

/// Without arguments, the text may consist of several statements.
fn exec(vm: &mut Vm, args: Args) -> Outcome {
    let connection = connection(vm, args)?;
    let sql = vm.str_arg(args, 0)?;
    if args.len() > 1 {
        let mut statement = checked(vm, connection.prepare_cached(sql))?;
        finish(vm, &mut statement, args)?;
        return Ok(Value::NIL);
    }
    let mut batch = Batch::new(&connection, sql);
    while let Some(mut statement) = checked(vm, batch.next())? {
        finish(vm, &mut statement, args)?;
    }
    Ok(Value::NIL)
}

/// Runs a statement to its end; rows that it gives are dropped.
fn finish(vm: &mut Vm, statement: &mut Statement, args: Args) -> Result<(), Throw> {
    bind(vm, statement, args)?;
    let mut rows = statement.raw_query();
    while checked(vm, rows.next().map(|row| row.is_some()))? {}
    Ok(())
}

fn query(vm: &mut Vm, args: Args) -> Outcome {
    let connection = connection(vm, args)?;
    let sql = vm.str_arg(args, 0)?;
    let mut statement = checked(vm, connection.prepare_cached(sql))?;
    bind(vm, &mut statement, args)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let (mut found, mut cells) = (Vec::new(), Vec::with_capacity(columns));
    let before = vm.heap.live_bytes();
    loop {
        // Nothing is collected meanwhile, and all rows are alive.
        if vm.heap.live_bytes().saturating_sub(before) > vm.limits.heap_bytes {
            return Err(vm.heap_exhausted());
        }
        let Some(row) = checked(vm, rows.next())? else { return Ok(array(vm, &found)) };
        cells.clear();
        for column in 0..columns {
            let cell = checked(vm, row.get_ref(column))?;
            cells.push(value_of(vm, cell)?);
        }
        found.push(array(vm, &cells));
    }
}

/// Gives a statement the arguments behind the SQL.
fn bind(vm: &mut Vm, statement: &mut Statement, args: Args) -> Result<(), Throw> {
    let (wanted, given) = (statement.parameter_count(), args.len() - 1);
    if wanted != given {
        let message =
            format!("The statement has {wanted} parameters, but {given} values are given");
        return Err(failure(vm, message));
    }
    for (index, value) in args.iter().enumerate().skip(1) {
        let shown;
        let parameter = match value {
            Value::NIL => ValueRef::Null,
            Value::TRUE => ValueRef::Integer(1),
            Value::FALSE => ValueRef::Integer(0),
            _ => match (int_of(value), value.as_float(), text_of(value), bytes_of(value)) {
                (Some(number), ..) => ValueRef::Integer(number),
                (_, Some(number), ..) => ValueRef::Real(number),
                (.., Some(text), _) => ValueRef::Text(text.as_bytes()),
                (.., Some(bytes)) => ValueRef::Blob(bytes),
                _ => {
                    shown = vm.display(value);
                    ValueRef::Text(shown.as_bytes())
                }
            },
        };
        let parameter = ToSqlOutput::Borrowed(parameter);
        checked(vm, statement.raw_bind_parameter(index, parameter))?;
    }
    Ok(())
}

fn value_of(vm: &mut Vm, cell: ValueRef) -> Outcome {
    Ok(match cell {
        ValueRef::Null => Value::NIL,
        ValueRef::Integer(number) => int(vm, number),
        ValueRef::Real(number) => Value::float(number),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(found) => text(vm, found),
            Err(_) => return Err(failure(vm, "A text is not valid UTF-8")),
        },
        ValueRef::Blob(bytes) => Bytes::new(&mut vm.heap, bytes).value(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Native;
    use crate::vm::{Limits, interrupt};

    #[test]
    fn an_endless_query_is_interrupted() {
        let vm = &mut Vm::new(Limits::default());
        install(vm);
        let namespace = vm.builtin_namespace("genex/sqlite");
        let open = namespace.members.get(Symbol::intern("open")).and_then(Gc::<Native>::from_value);
        let path = text(vm, ":memory:");
        let database = vm.call_native_test(open.expect("open"), Value::NIL, &[path]).expect("open");
        let sql =
            "with recursive n(i) as (select 1 union all select i from n) select sum(i) from n";
        let sql = text(vm, sql);
        let query = vm.class_of(database).find_method(Symbol::intern("query"));
        let query = query.and_then(Gc::<Native>::from_value).expect("query");
        vm.interrupt.set(interrupt::CANCEL);
        let thrown = vm.call_native_test(query, database, &[sql]).expect_err("an interrupt");
        assert_eq!(vm.exception_message(thrown.0), "interrupted");
        assert!(vm.interrupt.is_cancelled(), "the next safepoint ends the program");
    }
}
