//! Which rows has a transaction stored that are sealed? It commits a hash of each with them, in one row of `seal_batches`.
//!
//! So no row can slip between two seals: what is committed late is sealed later. docs/audit.md says what is hashed.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Cell, Error, Kind, Result, Row, Tx};

/// A SHA-256.
pub type Digest = [u8; 32];

/// What a hash is of stands in its first byte: so none of one kind can be taken for one of another.
const LEAF: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const BYTES: u8 = 3;
/// Longer values have their length in four bytes more.
const LONG: u8 = 255;

/// Which columns of a table are sealed, in which order. What was sealed by a form is checked by it for ever: other columns are
/// another form, with another number.
#[derive(Debug)]
pub struct Form {
    pub number: u8,
    pub table: &'static str,
    pub columns: &'static [&'static str],
    head: [u8; 33],
}

impl Form {
    pub fn new(number: u8, table: &'static str, columns: &'static [&'static str]) -> Self {
        let mut head = [LEAF; 33];
        head[1..].copy_from_slice(&Sha256::digest(format!("{table}:{}", columns.join(","))));
        Self { number, table, columns, head }
    }

    /// The hash of a row: of the form, then of each value. `buffer` is room to write in.
    pub fn hash<'a>(&self, cells: impl IntoIterator<Item = Cell<'a>>, buffer: &mut Vec<u8>) -> Digest {
        buffer.clear();
        buffer.extend_from_slice(&self.head);
        for cell in cells {
            write(cell, buffer);
        }
        Sha256::digest(&*buffer).into()
    }
}

/// Integers, instants and truths are one kind, since SQLite does not tell them apart.
fn write(cell: Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        // What is too large is refused before it is stored.
        Cell::Null | Cell::TooLarge => out.push(0),
        Cell::Int(number) => write_number(number, out),
        Cell::Bool(truth) => write_number(truth.into(), out),
        Cell::Time(at) => write_number(at.as_microsecond(), out),
        Cell::Text(text) => write_bytes(TEXT, text.as_bytes(), out),
        Cell::Bytes(bytes) => write_bytes(BYTES, bytes, out),
    }
}

/// In as many bytes as it needs with its sign, the first one first.
fn write_number(number: i64, out: &mut Vec<u8>) {
    let bits = 64 - number.unsigned_abs().leading_zeros();
    let length = usize::try_from(bits / 8 + 1).unwrap_or_default();
    let wide = i128::from(number).to_be_bytes();
    write_bytes(NUMBER, &wide[wide.len() - length..], out);
}

fn write_bytes(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    match u8::try_from(bytes.len()) {
        Ok(length) if length < LONG => out.push(length),
        _ => {
            out.push(LONG);
            out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// The hash of a sealed row, with what names a row that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// The number of its form.
    pub form: u8,
    /// Two numbers by which the row is found, which differ by form.
    pub place: [i64; 2],
    pub hash: Digest,
}

impl Leaf {
    const BYTES: usize = 49;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.form);
        for number in self.place {
            out.extend(number.to_be_bytes());
        }
        out.extend_from_slice(&self.hash);
    }

    /// Leaves as a batch holds them.
    pub fn read(bytes: &[u8]) -> Result<Vec<Self>> {
        let (leaves, rest) = bytes.as_chunks::<{ Self::BYTES }>();
        if !rest.is_empty() {
            let message = format!("{} bytes are no whole number of leaves", bytes.len());
            return Err(Error::Column { column: "leaves".to_owned(), message });
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
        let leaf = |bytes: &[u8; Self::BYTES]| {
            let mut hash = Digest::default();
            hash.copy_from_slice(&bytes[17..]);
            Self { form: bytes[0], place: [number(&bytes[1..9]), number(&bytes[9..17])], hash }
        };
        Ok(leaves.iter().map(leaf).collect())
    }
}

/// The leaves of a transaction so far.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    batch: Option<(i64, Timestamp)>,
    rows: i64,
    bytes: Vec<u8>,
    buffer: Vec<u8>,
}

/// What a transaction stores when it commits.
pub(super) struct Batch {
    pub(super) id: i64,
    pub(super) committed_at: Timestamp,
    pub(super) rows: i64,
    pub(super) leaves: Vec<u8>,
}

impl Batch {
    pub(super) const INSERT: &'static str =
        "insert into seal_batches (batch_id, committed_at, row_count, leaves) values ($1, $2, $3, $4)";
}

impl Leaves {
    /// What is to be stored, once.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let (id, committed_at) = self.batch?;
        let rows = std::mem::take(&mut self.rows);
        (rows > 0).then(|| Batch { id, committed_at, rows, leaves: std::mem::take(&mut self.bytes) })
    }
}

impl Tx {
    /// The batch of this transaction's sealed rows. The first one to ask says its id, and the time.
    pub fn seal_batch(&mut self, fresh: impl FnOnce() -> (i64, Timestamp)) -> i64 {
        self.leaves_mut().batch.get_or_insert_with(fresh).0
    }

    /// Seals a row that this transaction has stored with its batch. A row whose insert may still be undone by a savepoint is
    /// sealed after that.
    pub fn seal(&mut self, form: &Form, place: [i64; 2], cells: &[Cell<'_>]) {
        let leaves = self.leaves_mut();
        let hash = form.hash(cells.iter().copied(), &mut leaves.buffer);
        Leaf { form: form.number, place, hash }.write(&mut leaves.bytes);
        leaves.rows += 1;
    }

    fn leaves_mut(&mut self) -> &mut Leaves {
        match self {
            Self::Sqlite(tx) => &mut tx.leaves,
            Self::Postgres(tx) => &mut tx.leaves,
        }
    }
}

impl Row {
    /// The value at a place, of whichever kind.
    pub fn value(&self, place: usize) -> Result<Cell<'_>> {
        use rusqlite::types::Value;
        use tokio_postgres::types::Type;
        let kind = match self {
            Self::Sqlite(_, values) => match values.get(place) {
                Some(Value::Integer(_)) => Kind::Int,
                Some(Value::Blob(_)) => Kind::Bytes,
                _ => Kind::Text,
            },
            Self::Postgres(row) => match row.columns().get(place).map(|column| column.type_().clone()) {
                Some(Type::INT8) => Kind::Int,
                Some(Type::BYTEA) => Kind::Bytes,
                Some(Type::TIMESTAMPTZ) => Kind::Time,
                Some(Type::BOOL) => Kind::Bool,
                _ => Kind::Text,
            },
        };
        self.cell(place, kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_page_for_auditors_says() {
        let written = |cell| {
            let mut out = Vec::new();
            write(cell, &mut out);
            out
        };
        assert_eq!(written(Cell::Null), [0]);
        assert_eq!(written(Cell::Int(0)), [1, 1, 0]);
        assert_eq!(written(Cell::Int(127)), [1, 1, 127]);
        assert_eq!(written(Cell::Int(128)), [1, 2, 0, 128]);
        assert_eq!(written(Cell::Int(-1)), [1, 1, 255]);
        assert_eq!(written(Cell::Int(-128)), [1, 2, 255, 128]);
        assert_eq!(written(Cell::Int(i64::MAX)), [1, 8, 127, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(written(Cell::Int(i64::MIN)), [1, 9, 255, 128, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(written(Cell::Bool(true)), written(Cell::Int(1)));
        assert_eq!(written(Cell::Time(Timestamp::UNIX_EPOCH)), written(Cell::Int(0)));
        assert_eq!(written(Cell::Text("é")), [2, 2, 0xc3, 0xa9]);
        assert_eq!(written(Cell::Bytes(&[9; 300]))[..7], [3, 255, 0, 0, 1, 44, 9]);
    }

    #[test]
    fn leaves_are_read_as_they_are_written() {
        let leaf = Leaf { form: 3, place: [-5, i64::MAX], hash: [7; 32] };
        let mut bytes = Vec::new();
        leaf.write(&mut bytes);
        leaf.write(&mut bytes);
        assert_eq!(Leaf::read(&bytes).unwrap(), [leaf, leaf]);
        assert!(Leaf::read(&bytes[1..]).is_err());
    }
}
