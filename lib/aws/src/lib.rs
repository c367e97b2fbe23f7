//! DynamoDB, S3 and SES: the AWS home.
