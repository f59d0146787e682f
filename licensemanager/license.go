package licensemanager

import (
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/timestamp"
)

// LicenseStatus is the state of a license.
type LicenseStatus string

// The license states that the API documents.
const (
	LicenseStatusAvailable        LicenseStatus = "AVAILABLE"
	LicenseStatusPendingAvailable LicenseStatus = "PENDING_AVAILABLE"
	LicenseStatusDeactivated      LicenseStatus = "DEACTIVATED"
	LicenseStatusSuspended        LicenseStatus = "SUSPENDED"
	LicenseStatusExpired          LicenseStatus = "EXPIRED"
	LicenseStatusPendingDelete    LicenseStatus = "PENDING_DELETE"
	LicenseStatusDeleted          LicenseStatus = "DELETED"
)

var licenseStatuses = []LicenseStatus{
	LicenseStatusAvailable,
	LicenseStatusPendingAvailable,
	LicenseStatusDeactivated,
	LicenseStatusSuspended,
	LicenseStatusExpired,
	LicenseStatusPendingDelete,
	LicenseStatusDeleted,
}

// Values returns the documented values.
func (LicenseStatus) Values() []LicenseStatus { return slices.Clone(licenseStatuses) }

// LicenseDeletionStatus is how far a deletion has come.
type LicenseDeletionStatus string

// The deletion states that the API documents.
const (
	LicenseDeletionStatusPendingDelete LicenseDeletionStatus = "PENDING_DELETE"
	LicenseDeletionStatusDeleted       LicenseDeletionStatus = "DELETED"
)

var licenseDeletionStatuses = []LicenseDeletionStatus{LicenseDeletionStatusPendingDelete, LicenseDeletionStatusDeleted}

// Values returns the documented values.
func (LicenseDeletionStatus) Values() []LicenseDeletionStatus {
	return slices.Clone(licenseDeletionStatuses)
}

// RenewType is how often a license renews itself.
type RenewType string

// The renewals that the API documents.
const (
	RenewTypeNone    RenewType = "None"
	RenewTypeWeekly  RenewType = "Weekly"
	RenewTypeMonthly RenewType = "Monthly"
)

var renewTypes = []RenewType{RenewTypeNone, RenewTypeWeekly, RenewTypeMonthly}

// Values returns the documented values.
func (RenewType) Values() []RenewType { return slices.Clone(renewTypes) }

// ReceivedStatus is the state of a license that was granted to the account.
type ReceivedStatus string

// The states of a received license that the API documents.
const (
	ReceivedStatusPendingWorkflow   ReceivedStatus = "PENDING_WORKFLOW"
	ReceivedStatusPendingAccept     ReceivedStatus = "PENDING_ACCEPT"
	ReceivedStatusRejected          ReceivedStatus = "REJECTED"
	ReceivedStatusActive            ReceivedStatus = "ACTIVE"
	ReceivedStatusFailedWorkflow    ReceivedStatus = "FAILED_WORKFLOW"
	ReceivedStatusDeleted           ReceivedStatus = "DELETED"
	ReceivedStatusDisabled          ReceivedStatus = "DISABLED"
	ReceivedStatusWorkflowCompleted ReceivedStatus = "WORKFLOW_COMPLETED"
)

var receivedStatuses = []ReceivedStatus{
	ReceivedStatusPendingWorkflow,
	ReceivedStatusPendingAccept,
	ReceivedStatusRejected,
	ReceivedStatusActive,
	ReceivedStatusFailedWorkflow,
	ReceivedStatusDeleted,
	ReceivedStatusDisabled,
	ReceivedStatusWorkflowCompleted,
}

// Values returns the documented values.
func (ReceivedStatus) Values() []ReceivedStatus { return slices.Clone(receivedStatuses) }

// EntitlementUnit is what an entitlement is measured in.
type EntitlementUnit string

// The units that the API documents. None is for a feature, Count for seats and
// the like.
const (
	EntitlementUnitCount           EntitlementUnit = "Count"
	EntitlementUnitNone            EntitlementUnit = "None"
	EntitlementUnitSeconds         EntitlementUnit = "Seconds"
	EntitlementUnitMicroseconds    EntitlementUnit = "Microseconds"
	EntitlementUnitMilliseconds    EntitlementUnit = "Milliseconds"
	EntitlementUnitBytes           EntitlementUnit = "Bytes"
	EntitlementUnitKilobytes       EntitlementUnit = "Kilobytes"
	EntitlementUnitMegabytes       EntitlementUnit = "Megabytes"
	EntitlementUnitGigabytes       EntitlementUnit = "Gigabytes"
	EntitlementUnitTerabytes       EntitlementUnit = "Terabytes"
	EntitlementUnitBits            EntitlementUnit = "Bits"
	EntitlementUnitKilobits        EntitlementUnit = "Kilobits"
	EntitlementUnitMegabits        EntitlementUnit = "Megabits"
	EntitlementUnitGigabits        EntitlementUnit = "Gigabits"
	EntitlementUnitTerabits        EntitlementUnit = "Terabits"
	EntitlementUnitPercent         EntitlementUnit = "Percent"
	EntitlementUnitBytesSecond     EntitlementUnit = "Bytes/Second"
	EntitlementUnitKilobytesSecond EntitlementUnit = "Kilobytes/Second"
	EntitlementUnitMegabytesSecond EntitlementUnit = "Megabytes/Second"
	EntitlementUnitGigabytesSecond EntitlementUnit = "Gigabytes/Second"
	EntitlementUnitTerabytesSecond EntitlementUnit = "Terabytes/Second"
	EntitlementUnitBitsSecond      EntitlementUnit = "Bits/Second"
	EntitlementUnitKilobitsSecond  EntitlementUnit = "Kilobits/Second"
	EntitlementUnitMegabitsSecond  EntitlementUnit = "Megabits/Second"
	EntitlementUnitGigabitsSecond  EntitlementUnit = "Gigabits/Second"
	EntitlementUnitTerabitsSecond  EntitlementUnit = "Terabits/Second"
	EntitlementUnitCountSecond     EntitlementUnit = "Count/Second"
)

var entitlementUnits = []EntitlementUnit{
	EntitlementUnitCount,
	EntitlementUnitNone,
	EntitlementUnitSeconds,
	EntitlementUnitMicroseconds,
	EntitlementUnitMilliseconds,
	EntitlementUnitBytes,
	EntitlementUnitKilobytes,
	EntitlementUnitMegabytes,
	EntitlementUnitGigabytes,
	EntitlementUnitTerabytes,
	EntitlementUnitBits,
	EntitlementUnitKilobits,
	EntitlementUnitMegabits,
	EntitlementUnitGigabits,
	EntitlementUnitTerabits,
	EntitlementUnitPercent,
	EntitlementUnitBytesSecond,
	EntitlementUnitKilobytesSecond,
	EntitlementUnitMegabytesSecond,
	EntitlementUnitGigabytesSecond,
	EntitlementUnitTerabytesSecond,
	EntitlementUnitBitsSecond,
	EntitlementUnitKilobitsSecond,
	EntitlementUnitMegabitsSecond,
	EntitlementUnitGigabitsSecond,
	EntitlementUnitTerabitsSecond,
	EntitlementUnitCountSecond,
}

// Values returns the documented values.
func (EntitlementUnit) Values() []EntitlementUnit { return slices.Clone(entitlementUnits) }

// DatetimeRange is a period.
type DatetimeRange struct {
	Begin string // a date of the form 2006-01-02T15:04:05Z, at most 50 characters. Required.
	End   string `json:",omitzero"` // a date of the same form, or empty for no end
}

// Period is the DatetimeRange from begin to end, which may be zero for no end.
func Period(begin, end time.Time) DatetimeRange {
	r := DatetimeRange{Begin: begin.UTC().Format(time.RFC3339)}
	if !end.IsZero() {
		r.End = end.UTC().Format(time.RFC3339)
	}
	return r
}

// Begins returns Begin as a time. A date without a zone is meant as UTC.
func (r DatetimeRange) Begins() (time.Time, error) { return timestamp.Parse(r.Begin) }

// Ends returns End as a time, or the zero time for no end. A date without a
// zone is meant as UTC.
func (r DatetimeRange) Ends() (time.Time, error) {
	if r.End == "" {
		return time.Time{}, nil
	}
	return timestamp.Parse(r.End)
}

func (r *DatetimeRange) validate() error {
	var c constraint.Checker
	c.RequiredString("Begin", r.Begin)
	c.Timestamp("Begin", r.Begin)
	c.Timestamp("End", r.End)
	return c.Err("DatetimeRange")
}

// Entitlement is what a license entitles to.
type Entitlement struct {
	AllowCheckIn *bool `json:",omitzero"` // says whether a checkout may be given back early

	// MaxCount is the most of the entitlement; for units other than None.
	MaxCount *int64 `json:",omitzero"`

	Name    string          // of the entitlement. Required.
	Overage *bool           `json:",omitzero"` // says whether more than MaxCount may be used
	Unit    EntitlementUnit // of the entitlement. Required.
	Value   string          `json:",omitzero"` // for the unit None only
}

func (e *Entitlement) validate() error {
	var c constraint.Checker
	c.RequiredString("Name", e.Name)
	constraint.RequiredEnum(&c, "Unit", e.Unit, entitlementUnits)
	return c.Err("Entitlement")
}

func entitlements(c *constraint.Checker, list []Entitlement) {
	for i := range list {
		c.Nested("Entitlements", list[i].validate(), i)
	}
}

// ConsumptionConfiguration is how a license is consumed.
type ConsumptionConfiguration struct {
	BorrowConfiguration      *BorrowConfiguration      `json:",omitzero"` // for checkouts for offline use
	ProvisionalConfiguration *ProvisionalConfiguration `json:",omitzero"` // for seats with a time to live
	RenewType                RenewType                 `json:",omitzero"`
}

// ProvisionalConfiguration is about provisional checkouts.
type ProvisionalConfiguration struct {
	MaxTimeToLiveInMinutes int32 // the life of a seat and of each extension, in minutes. Required.
}

// BorrowConfiguration is about checkouts for offline use.
type BorrowConfiguration struct {
	AllowEarlyCheckIn      bool  // says whether a borrowed seat may be given back before its end
	MaxTimeToLiveInMinutes int32 // the life of a borrowed license, in minutes. Required.
}

func (p *ProvisionalConfiguration) validate() error {
	var c constraint.Checker
	if p != nil {
		c.Required("MaxTimeToLiveInMinutes", p.MaxTimeToLiveInMinutes != 0)
	}
	return c.Err("ProvisionalConfiguration")
}

func (b *BorrowConfiguration) validate() error {
	var c constraint.Checker
	if b != nil {
		c.Required("MaxTimeToLiveInMinutes", b.MaxTimeToLiveInMinutes != 0)
	}
	return c.Err("BorrowConfiguration")
}

func (cc *ConsumptionConfiguration) validate() error {
	var c constraint.Checker
	if cc != nil {
		c.Nested("BorrowConfiguration", cc.BorrowConfiguration.validate())
		c.Nested("ProvisionalConfiguration", cc.ProvisionalConfiguration.validate())
		constraint.Enum(&c, "RenewType", cc.RenewType, renewTypes)
	}
	return c.Err("ConsumptionConfiguration")
}

// Issuer is who issues a license.
type Issuer struct {
	Name string // of the issuer. Required.

	// SignKey is the AWS KMS key that signs borrowed licenses: an asymmetric
	// RSA key, by ARN.
	SignKey string `json:",omitzero"`
}

func (i *Issuer) validate() error {
	var c constraint.Checker
	c.RequiredString("Name", i.Name)
	return c.Err("Issuer")
}

// IssuerDetails is who issued a license.
type IssuerDetails struct {
	KeyFingerprint string `json:",omitzero"` // for CheckoutLicense
	Name           string `json:",omitzero"`
	SignKey        string `json:",omitzero"`
}

// License is a license.
type License struct {
	Beneficiary              string                    `json:",omitzero"`
	ConsumptionConfiguration *ConsumptionConfiguration `json:",omitzero"`
	CreateTime               string                    `json:",omitzero"` // as the service wrote it; Created is the parsed time
	Entitlements             []Entitlement             `json:",omitzero"`
	HomeRegion               string                    `json:",omitzero"` // where the license is checked out
	Issuer                   *IssuerDetails            `json:",omitzero"`
	LicenseArn               string                    `json:",omitzero"`
	LicenseMetadata          []Metadata                `json:",omitzero"`
	LicenseName              string                    `json:",omitzero"`
	ProductName              string                    `json:",omitzero"`
	ProductSKU               string                    `json:",omitzero"`
	Status                   LicenseStatus             `json:",omitzero"`
	Validity                 *DatetimeRange            `json:",omitzero"` // of the license, not of a seat
	Version                  string                    `json:",omitzero"`
}

// Created returns CreateTime as a time. A date without a zone is meant as UTC.
func (l License) Created() (time.Time, error) { return timestamp.Parse(l.CreateTime) }

// GrantedLicense is a license that was granted to the account.
type GrantedLicense struct {
	License
	ReceivedMetadata *ReceivedMetadata `json:",omitzero"`
}

// ReceivedMetadata says on which terms a license was granted.
type ReceivedMetadata struct {
	AllowedOperations    []AllowedOperation `json:",omitzero"` // 1 to 8
	ReceivedStatus       ReceivedStatus     `json:",omitzero"`
	ReceivedStatusReason string             `json:",omitzero"` // at most 400 characters
}
