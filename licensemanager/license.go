package licensemanager

import (
	"time"

	"github.com/seed-25f54b62/awstokens/internal/constraint"
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

// LicenseDeletionStatus is how far a deletion has come.
type LicenseDeletionStatus string

// The deletion states that the API documents.
const (
	LicenseDeletionStatusPendingDelete LicenseDeletionStatus = "PENDING_DELETE"
	LicenseDeletionStatusDeleted       LicenseDeletionStatus = "DELETED"
)

var licenseDeletionStatuses = []LicenseDeletionStatus{LicenseDeletionStatusPendingDelete, LicenseDeletionStatusDeleted}

// RenewType is how often a license renews itself.
type RenewType string

// The renewals that the API documents.
const (
	RenewTypeNone    RenewType = "None"
	RenewTypeWeekly  RenewType = "Weekly"
	RenewTypeMonthly RenewType = "Monthly"
)

var renewTypes = []RenewType{RenewTypeNone, RenewTypeWeekly, RenewTypeMonthly}

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

// DatetimeRange is a period.
type DatetimeRange struct {
	// Begin is a date of the form 2006-01-02T15:04:05Z, at most 50 characters.
	// Required.
	Begin string

	// End is a date of the same form, or empty for no end.
	End string `json:",omitempty"`
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
func (r DatetimeRange) Begins() (time.Time, error) { return parseTime(r.Begin) }

// Ends returns End as a time, or the zero time for no end. A date without a
// zone is meant as UTC.
func (r DatetimeRange) Ends() (time.Time, error) {
	if r.End == "" {
		return time.Time{}, nil
	}
	return parseTime(r.End)
}

func (r *DatetimeRange) validate() error {
	var c constraint.Checker
	c.Required("Begin", r.Begin != "")
	c.Timestamp("Begin", r.Begin)
	c.Timestamp("End", r.End)
	return c.Err("DatetimeRange")
}

// Entitlement is what a license entitles to.
type Entitlement struct {
	// AllowCheckIn says whether a checkout may be given back early.
	AllowCheckIn *bool `json:",omitempty"`

	// MaxCount is the most of the entitlement; for units other than None.
	MaxCount *int64 `json:",omitempty"`

	// Name of the entitlement. Required.
	Name string

	// Overage says whether more than MaxCount may be used.
	Overage *bool `json:",omitempty"`

	// Unit of the entitlement. Required.
	Unit EntitlementUnit

	// Value is for the unit None only.
	Value string `json:",omitempty"`
}

func (e *Entitlement) validate() error {
	var c constraint.Checker
	c.Required("Name", e.Name != "")
	c.Required("Unit", e.Unit != "")
	constraint.Enum(&c, "Unit", e.Unit, entitlementUnits)
	return c.Err("Entitlement")
}

func entitlements(c *constraint.Checker, list []Entitlement) {
	for i := range list {
		c.Nested("Entitlements", list[i].validate(), i)
	}
}

// ConsumptionConfiguration is how a license is consumed.
type ConsumptionConfiguration struct {
	BorrowConfiguration      *BorrowConfiguration      `json:",omitempty"` // for checkouts for offline use
	ProvisionalConfiguration *ProvisionalConfiguration `json:",omitempty"` // for seats with a time to live
	RenewType                RenewType                 `json:",omitempty"`
}

// ProvisionalConfiguration is about provisional checkouts.
type ProvisionalConfiguration struct {
	// MaxTimeToLiveInMinutes is the life of a seat and of each extension, in
	// minutes. Required.
	MaxTimeToLiveInMinutes int32
}

// BorrowConfiguration is about checkouts for offline use.
type BorrowConfiguration struct {
	// AllowEarlyCheckIn says whether a borrowed seat may be given back before
	// its end.
	AllowEarlyCheckIn bool

	// MaxTimeToLiveInMinutes is the life of a borrowed license, in minutes.
	// Required.
	MaxTimeToLiveInMinutes int32
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
	// Name of the issuer. Required.
	Name string

	// SignKey is the AWS KMS key that signs borrowed licenses: an asymmetric
	// RSA key, by ARN.
	SignKey string `json:",omitempty"`
}

func (i *Issuer) validate() error {
	var c constraint.Checker
	c.Required("Name", i.Name != "")
	return c.Err("Issuer")
}

// IssuerDetails is who issued a license.
type IssuerDetails struct {
	KeyFingerprint string `json:",omitempty"` // for CheckoutLicense
	Name           string `json:",omitempty"`
	SignKey        string `json:",omitempty"`
}

// Tag is a tag of a resource.
type Tag struct {
	Key   string `json:",omitempty"`
	Value string `json:",omitempty"`
}

// License is a license.
type License struct {
	Beneficiary              string                    `json:",omitempty"`
	ConsumptionConfiguration *ConsumptionConfiguration `json:",omitempty"`
	CreateTime               string                    `json:",omitempty"` // as the service wrote it; Created is the parsed time
	Entitlements             []Entitlement             `json:",omitempty"`
	HomeRegion               string                    `json:",omitempty"` // where the license is checked out
	Issuer                   *IssuerDetails            `json:",omitempty"`
	LicenseArn               string                    `json:",omitempty"`
	LicenseMetadata          []Metadata                `json:",omitempty"`
	LicenseName              string                    `json:",omitempty"`
	ProductName              string                    `json:",omitempty"`
	ProductSKU               string                    `json:",omitempty"`
	Status                   LicenseStatus             `json:",omitempty"`
	Validity                 *DatetimeRange            `json:",omitempty"` // of the license, not of a seat
	Version                  string                    `json:",omitempty"`
}

// Created returns CreateTime as a time. A date without a zone is meant as UTC.
func (l License) Created() (time.Time, error) { return parseTime(l.CreateTime) }

func (l *License) check(c *constraint.Checker) {
	c.Nested("ConsumptionConfiguration", l.ConsumptionConfiguration.validate())
	c.Timestamp("CreateTime", l.CreateTime)
	entitlements(c, l.Entitlements)
	c.ARN("LicenseArn", l.LicenseArn)
	constraint.Enum(c, "Status", l.Status, licenseStatuses)
	if l.Validity != nil {
		c.Nested("Validity", l.Validity.validate())
	}
}

func (l *License) validate() error {
	var c constraint.Checker
	if l != nil {
		l.check(&c)
	}
	return c.Err("License")
}

// GrantedLicense is a license that was granted to the account.
type GrantedLicense struct {
	License
	ReceivedMetadata *ReceivedMetadata `json:",omitempty"`
}

func (l *GrantedLicense) validate() error {
	var c constraint.Checker
	l.check(&c)
	if l.ReceivedMetadata != nil {
		c.Nested("ReceivedMetadata", l.ReceivedMetadata.validate())
	}
	return c.Err("GrantedLicense")
}

// ReceivedMetadata says on which terms a license was granted.
type ReceivedMetadata struct {
	AllowedOperations    []AllowedOperation `json:",omitempty"` // 1 to 8
	ReceivedStatus       ReceivedStatus     `json:",omitempty"`
	ReceivedStatusReason string             `json:",omitempty"` // at most 400 characters
}

func (m *ReceivedMetadata) validate() error {
	var c constraint.Checker
	allowed(&c, "AllowedOperations", m.AllowedOperations)
	constraint.Enum(&c, "ReceivedStatus", m.ReceivedStatus, receivedStatuses)
	c.MaxLength("ReceivedStatusReason", m.ReceivedStatusReason, 400)
	return c.Err("ReceivedMetadata")
}
