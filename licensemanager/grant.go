package licensemanager

import (
	"slices"

	"github.com/seed-25f54b62/awstokens/internal/constraint"
)

// GrantStatus is the state of a grant. A grant that was accepted is DISABLED
// until [Client.CreateGrantVersion] activates it.
type GrantStatus string

// The grant states that the API documents.
const (
	GrantStatusPendingWorkflow   GrantStatus = "PENDING_WORKFLOW"
	GrantStatusPendingAccept     GrantStatus = "PENDING_ACCEPT"
	GrantStatusRejected          GrantStatus = "REJECTED"
	GrantStatusActive            GrantStatus = "ACTIVE"
	GrantStatusFailedWorkflow    GrantStatus = "FAILED_WORKFLOW"
	GrantStatusDeleted           GrantStatus = "DELETED"
	GrantStatusPendingDelete     GrantStatus = "PENDING_DELETE"
	GrantStatusDisabled          GrantStatus = "DISABLED"
	GrantStatusWorkflowCompleted GrantStatus = "WORKFLOW_COMPLETED"
)

var grantStatuses = []GrantStatus{
	GrantStatusPendingWorkflow, GrantStatusPendingAccept, GrantStatusRejected, GrantStatusActive, GrantStatusFailedWorkflow,
	GrantStatusDeleted, GrantStatusPendingDelete, GrantStatusDisabled, GrantStatusWorkflowCompleted,
}

// Values returns the documented values.
func (GrantStatus) Values() []GrantStatus { return slices.Clone(grantStatuses) }

// AllowedOperation is an operation that a grant permits.
type AllowedOperation string

// The operations that the API documents. ExtendLicenseConsumption has another name
// here.
const (
	AllowedOperationCreateGrant              AllowedOperation = "CreateGrant"
	AllowedOperationCheckoutLicense          AllowedOperation = "CheckoutLicense"
	AllowedOperationCheckoutBorrowLicense    AllowedOperation = "CheckoutBorrowLicense"
	AllowedOperationCheckInLicense           AllowedOperation = "CheckInLicense"
	AllowedOperationExtendConsumptionLicense AllowedOperation = "ExtendConsumptionLicense"
	AllowedOperationListPurchasedLicenses    AllowedOperation = "ListPurchasedLicenses"
	AllowedOperationCreateToken              AllowedOperation = "CreateToken"
)

var allowedOperations = []AllowedOperation{
	AllowedOperationCreateGrant, AllowedOperationCheckoutLicense, AllowedOperationCheckoutBorrowLicense, AllowedOperationCheckInLicense,
	AllowedOperationExtendConsumptionLicense, AllowedOperationListPurchasedLicenses, AllowedOperationCreateToken,
}

// Values returns the documented values.
func (AllowedOperation) Values() []AllowedOperation { return slices.Clone(allowedOperations) }

// checkOperations checks the operations that a grant permits.
func checkOperations(c *constraint.Checker, list []AllowedOperation) {
	constraint.MinItems(c, "AllowedOperations", list, 1)
	c.MaxItems("AllowedOperations", len(list), 8)
	for i, operation := range list {
		constraint.Enum(c, "AllowedOperations", operation, allowedOperations, i)
	}
}

// ActivationOverrideBehavior says which other grants an activation replaces.
type ActivationOverrideBehavior string

// The behaviors that the API documents.
const (
	ActivationOverrideBehaviorDistributedGrantsOnly      ActivationOverrideBehavior = "DISTRIBUTED_GRANTS_ONLY"
	ActivationOverrideBehaviorAllGrantsPermittedByIssuer ActivationOverrideBehavior = "ALL_GRANTS_PERMITTED_BY_ISSUER"
)

var activationOverrideBehaviors = []ActivationOverrideBehavior{
	ActivationOverrideBehaviorDistributedGrantsOnly,
	ActivationOverrideBehaviorAllGrantsPermittedByIssuer,
}

// Values returns the documented values.
func (ActivationOverrideBehavior) Values() []ActivationOverrideBehavior {
	return slices.Clone(activationOverrideBehaviors)
}

// GrantOptions are the options of a grant. The API calls this structure Options.
type GrantOptions struct {
	ActivationOverrideBehavior ActivationOverrideBehavior `json:",omitzero"`
}

func (o *GrantOptions) validate() error {
	var c constraint.Checker
	if o != nil {
		constraint.Enum(&c, "ActivationOverrideBehavior", o.ActivationOverrideBehavior, activationOverrideBehaviors)
	}
	return c.Err("GrantOptions")
}

// Grant describes a grant of a license.
type Grant struct {
	GrantArn            string
	GrantName           string
	GrantStatus         GrantStatus
	GrantedOperations   []AllowedOperation // 1 to 8
	GranteePrincipalArn string
	HomeRegion          string
	LicenseArn          string
	Options             *GrantOptions `json:",omitzero"`
	ParentArn           string
	StatusReason        string `json:",omitzero"` // at most 400 characters
	Version             string
}
