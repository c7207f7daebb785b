//! Rows of either database.

use std::str::FromStr;

use keybell_shared::clock::Millis;
use keybell_shared::ids::{
    AccountId, ApiKeyId, AttemptId, DistrictId, ItemId, NotificationId, PlanId, TaskId, WebhookId, WebhookMessageId,
};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{Failure, Sql};

/// One row.
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

/// Something that can be read from a column.
pub(crate) trait Column: Sized {
    fn read(row: &Row, name: &str) -> Sql<Self>;
}

impl Row {
    /// The value of a column.
    pub(crate) fn get<T: Column>(&self, name: &str) -> Sql<T> {
        T::read(self, name)
    }

    /// A column whose text is one of a closed set of words.
    pub(crate) fn word<T: FromStr>(&self, name: &str) -> Sql<T> {
        let text: String = self.get(name)?;
        text.parse().map_err(|_| Failure::row(format!("column {name} holds an unknown word")))
    }

    /// The same, where NULL is allowed.
    pub(crate) fn maybe_word<T: FromStr>(&self, name: &str) -> Sql<Option<T>> {
        let text: Option<String> = self.get(name)?;
        text.map(|text| text.parse().map_err(|_| Failure::row(format!("column {name} holds an unknown word"))))
            .transpose()
    }
}

macro_rules! plain {
    ($($kind:ty),+) => {
        $(impl Column for $kind {
            fn read(row: &Row, name: &str) -> Sql<Self> {
                match row {
                    Row::Postgres(row) => Ok(row.try_get(name)?),
                    Row::Sqlite(row) => Ok(row.try_get(name)?),
                }
            }
        })+
    };
}
plain!(i64, Option<i64>, i32, Option<i32>, String, Option<String>, bool);

impl Column for Option<Uuid> {
    fn read(row: &Row, name: &str) -> Sql<Self> {
        match row {
            Row::Postgres(row) => Ok(row.try_get(name)?),
            Row::Sqlite(row) => {
                let text: Option<String> = row.try_get(name)?;
                text.map(|text| text.parse().map_err(|_| Failure::row(format!("column {name} holds no UUID"))))
                    .transpose()
            }
        }
    }
}

impl Column for Uuid {
    fn read(row: &Row, name: &str) -> Sql<Self> {
        <Option<Self>>::read(row, name)?.ok_or_else(|| Failure::row(format!("column {name} is NULL")))
    }
}

impl Column for Millis {
    fn read(row: &Row, name: &str) -> Sql<Self> {
        row.get(name).map(Self)
    }
}

impl Column for Option<Millis> {
    fn read(row: &Row, name: &str) -> Sql<Self> {
        Ok(row.get::<Option<i64>>(name)?.map(Millis))
    }
}

macro_rules! ids {
    (uuid: $($uuid:ident),+; row: $($row:ident),+) => {
        $(impl Column for $uuid {
            fn read(row: &Row, name: &str) -> Sql<Self> {
                row.get::<Uuid>(name).map($uuid)
            }
        }
        impl Column for Option<$uuid> {
            fn read(row: &Row, name: &str) -> Sql<Self> {
                Ok(row.get::<Option<Uuid>>(name)?.map($uuid))
            }
        })+
        $(impl Column for $row {
            fn read(row: &Row, name: &str) -> Sql<Self> {
                row.get::<i64>(name).map($row)
            }
        })+
    };
}
ids!(uuid: DistrictId, AccountId, TaskId, AttemptId, ApiKeyId, WebhookId, WebhookMessageId, PlanId; row: ItemId, NotificationId);
