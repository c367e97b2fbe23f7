//! The table as `template.yaml` defines it, for tests. Must not be used where that template is deployed.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};

/// The indexes: name, partition key, sort key.
pub(crate) const INDEXES: [(&str, &str, &str); 3] = [
    ("due", "due_of", "due"),
    ("waiting", "waiting_of", "pk"),
    ("expiry", "expires_of", "expires_from"),
];

/// Keys whose type is not text.
const NUMBERS: [&str; 2] = ["due", "expires_from"];

/// Makes the table.
pub(crate) async fn create(
    client: &Client,
    name: &str,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut table = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys("pk", "sk")?));
    for (index, hash, range) in INDEXES {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly);
        let index = GlobalSecondaryIndex::builder()
            .index_name(index)
            .set_key_schema(Some(keys(hash, range)?))
            .projection(projection.build());
        table = table.global_secondary_indexes(index.build()?);
    }
    for name in [
        "pk",
        "sk",
        "due_of",
        "due",
        "waiting_of",
        "expires_of",
        "expires_from",
    ] {
        let kind = if NUMBERS.contains(&name) {
            ScalarAttributeType::N
        } else {
            ScalarAttributeType::S
        };
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind);
        table = table.attribute_definitions(attribute.build()?);
    }
    table.send().await?;
    Ok(())
}

fn keys(hash: &str, range: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    Ok(vec![key(hash, KeyType::Hash)?, key(range, KeyType::Range)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests run on a table made by [`create`]; what is deployed must be the same.
    #[test]
    fn the_template_defines_this_table() {
        let template = include_str!("../../../../template.yaml");
        for (index, hash, range) in INDEXES {
            let keys = format!(
                "- IndexName: {index}\n          KeySchema: [{{AttributeName: {hash}, KeyType: HASH}}, {{AttributeName: {range}, KeyType: RANGE}}]\n"
            );
            assert!(template.contains(&keys), "{keys}");
        }
        assert_eq!(template.matches("- IndexName:").count(), INDEXES.len());
        for name in NUMBERS {
            let number = format!("{{AttributeName: {name}, AttributeType: N}}");
            assert!(template.contains(&number), "{number}");
        }
        assert!(
            template
                .contains("TimeToLiveSpecification: {AttributeName: delete_after, Enabled: true}")
        );
    }
}
