package whiskers

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// One of each type.
var everyObject = []Object{
	&Network{}, &IPAddressV4{}, &IPAddressV6{}, &AutonomousSystem{}, &IPV4NetBlock{}, &IPV6NetBlock{},
	&IPPort{}, &Service{}, &IPService{}, &TLSCipher{}, &Software{}, &SoftwareInstance{}, &DNSZone{},
	&Hostname{}, &ResolvedHostname{}, &NXDOMAIN{}, &DNSARecord{}, &DNSAAAARecord{}, &DNSMXRecord{},
	&DNSTXTRecord{}, &DNSNSRecord{}, &DNSCNAMERecord{}, &DNSSOARecord{}, &DNSPTRRecord{}, &DNSCAARecord{},
	&DNSSPFRecord{}, &DNSSPFMechanismIP{}, &DNSSPFMechanismHostname{}, &DNSSPFMechanismNetBlock{},
	&DMARCTXTRecord{}, &DKIMExists{}, &DKIMSelector{}, &DKIMKey{}, &X509Certificate{},
	&SubjectAlternativeNameHostname{}, &SubjectAlternativeNameIP{}, &SubjectAlternativeNameQualifier{},
	&Website{}, &HostnameHTTPURL{}, &IPAddressHTTPURL{}, &HTTPResource{}, &HTTPHeader{}, &URL{},
	&HTTPHeaderURL{}, &HTTPHeaderHostname{}, &ImageMetadata{}, &RESTAPI{}, &APIDesignRule{},
	&APIDesignRuleResult{}, &SecurityTXT{}, &ADRFindingType{}, &CVEFindingType{}, &CWEFindingType{},
	&CAPECFindingType{}, &RetireJSFindingType{}, &SnykFindingType{}, &KATFindingType{}, &Finding{},
	&MutedFinding{}, &GeographicPoint{}, &Application{}, &Incident{}, &Config{}, &Question{}, &ExternalScan{},
	&ReportRecipe{}, &ReportData{}, &AssetReport{}, &Report{}, &HydratedReport{},
}

// What each struct's writeFields writes is what encoding/json would: its tags, in their order, with references as links.
func TestFieldsAreAsTheirTagsSay(t *testing.T) {
	source, err := os.ReadFile("objects.go")
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Count(string(source), ") ObjectType() string"); all != len(everyObject) {
		t.Fatalf("%d types, and %d are tested", all, len(everyObject))
	}
	for _, object := range everyObject {
		for variant := range texts {
			fill(object, variant)
			if got, want := lines(t, object), expected(t, object); strings.Split(got, "\n")[0] != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		}
	}
}

var texts = []string{"", "plain <&> text", "\"\\/\x00\b\f\n\r\t\x1f\x7f", "é\u2028\u2029\U0001f600", "\xff\xc3"}

// fill sets all fields; with variant 0 none.
func fill(object Object, variant int) {
	fields := reflect.ValueOf(object).Elem()
	for i := 0; i < fields.NumField(); i++ {
		field := fields.Field(i)
		field.Set(reflect.Zero(field.Type()))
		if variant == 0 {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}
		switch given := field.Addr().Interface().(type) {
		case *string:
			*given = texts[variant]
		case *int64:
			*given = int64(variant) * -1234567890123
		case *float64:
			*given = float64(variant) * 1e20 / 3
		case *bool:
			*given = true
		case *[]string:
			*given = texts[:variant-1]
		case *map[string]any:
			*given = map[string]any{texts[variant]: []any{texts[variant], nil, 1.5, map[string]any{}}}
		case *time.Time:
			*given = time.Unix(int64(variant), int64(variant)).In(time.FixedZone("", 3600))
		default:
			if variant%2 == 1 {
				field.Set(reflect.ValueOf(Key(texts[variant])))
			} else {
				field.Set(reflect.ValueOf(referredTo(field.Type())))
			}
		}
	}
}

func referredTo(kind reflect.Type) Object {
	for _, object := range everyObject {
		if reflect.TypeOf(object).Implements(kind) {
			return object
		}
	}
	panic("nothing that " + kind.Name() + " may refer to")
}

func expected(t *testing.T, object Object) string {
	t.Helper()
	numbers := map[Object]int{object: 1}
	text := fmt.Sprintf(`{"$id":"~1","object_type":"%s"`, object.ObjectType())
	fields := reflect.ValueOf(object).Elem()
	for i := 0; i < fields.NumField(); i++ {
		name, options, _ := strings.Cut(fields.Type().Field(i).Tag.Get("json"), ",")
		if options == "omitempty" && fields.Field(i).IsZero() {
			continue
		}
		value := fields.Field(i).Interface()
		if object, isObject := value.(Object); isObject {
			if numbers[object] == 0 {
				numbers[object] = len(numbers) + 1
			}
			value = map[string]string{"$ref": fmt.Sprintf("#~%d", numbers[object])}
		}
		var written strings.Builder
		writer := json.NewEncoder(&written)
		writer.SetEscapeHTML(false)
		if err := writer.Encode(value); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf(`,"%s":%s`, name, strings.TrimSuffix(written.String(), "\n"))
	}
	return text + "}"
}
