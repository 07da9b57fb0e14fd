from whiskers import log as log
from whiskers.objects import *
from whiskers.records import Affirmation as Affirmation
from whiskers.records import Declaration as Declaration
from whiskers.records import DerivedRaw as DerivedRaw
from whiskers.records import OpenKatObject as OpenKatObject
from whiskers.records import ScanProfile as ScanProfile

VERSION: str
