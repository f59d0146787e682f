module github.com/seed-25f54b62/awstokens

go 1.25

require (
	github.com/aws/smithy-go v1.28.8
	github.com/aws/smithy-go/aws-http-auth v1.1.3
	github.com/go-jose/go-jose/v4 v4.1.8
)

require (
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
