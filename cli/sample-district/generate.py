#!/usr/bin/env python3
"""Writes the sample district: a OneRoster 1.1 CSV set in bulk mode.

    python3 generate.py            write the files beside this script
    python3 generate.py --check    compare with the files on disk, write nothing

Standard library only. All choices come from one generator with a fixed seed,
written out below so that no Python release can change its sequence; running
the script twice, or on two machines, gives the same bytes. Every person is
made up, every e-mail address ends in example.org, example.com or example.net,
and every telephone number lies in the +1 xxx 555-01xx range kept for fiction.

Before writing, the script reads its own output back as plain CSV, checks every
reference and field, and counts how each pupil can be reached. The counts are
printed and kept in README.md between two marker comments.
"""

import csv
import io
import re
import sys
import unicodedata
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 0x6B657962656C6C  # "keybell"

DISTRICT = "org-larkspur"
ELEMENTARY = "org-meadowlark"
MIDDLE = "org-cottonwood"
HIGH = "org-larkspur-high"

# OneRoster grade code -> number of pupils, 600 in all.
PUPILS_PER_GRADE = {
    "PK": 26, "KG": 40, "01": 44, "02": 46, "03": 43, "04": 47, "05": 45,
    "06": 48, "07": 44, "08": 46,
    "09": 45, "10": 43, "11": 42, "12": 41,
}
GRADES = list(PUPILS_PER_GRADE)
LOWER = GRADES[:7]  # PK to 05, the elementary school
MIDDLE_GRADES = GRADES[7:10]
HIGH_GRADES = GRADES[10:]

DISABLED = 15  # pupils with enabledUser=false
LEAVING = 5  # pupils with status=tobedeleted (and enabledUser still true)
CLEVER, CLASSLINK = 14, 11  # pupils whose password an identity provider keeps
UNREACHABLE_ALONE = 10  # pupils nobody can write to, without brothers or sisters here
UNREACHABLE_PAIRS = 1  # and families of two of them


# --- chance ---------------------------------------------------------------


class Chance:
    """SplitMix64: the same numbers everywhere, for ever."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = 0xFFFFFFFFFFFFFFFF
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def percent(self, p):
        return self.below(100) < p

    def pick(self, items):
        return items[self.below(len(items))]

    def shuffled(self, items):
        items = list(items)
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]
        return items

    def weighted(self, pairs):
        at = self.below(sum(weight for _, weight in pairs))
        for item, weight in pairs:
            if at < weight:
                return item
            at -= weight
        raise AssertionError("weights do not add up")


# --- names ----------------------------------------------------------------
# Each pool: weight, given names, family names. An entry "Layla=ليلى" has a
# spelling in another script after the "="; some families use it.


def pool(weight, given, family):
    return {
        "weight": weight,
        "given": [g.strip() for g in given.split(",")],
        "family": [f.strip() for f in family.split(",")],
    }


POOLS = {
    "english": pool(
        20,
        "Ava, Noah, Emma, Liam, Grace, Owen, Lily, Caleb, Ruby, Wyatt, Hazel, Miles, Nora, Jack, Clara, Henry, "
        "Violet, Samuel, Alice, Theodore, Harper, Logan, Maeve, Elijah, Juniper, Isaac, Willa, Marcus, Tessa, Andre, "
        "Imani, Darius, Naomi, Jerome, Keisha, Xavier",
        "Anderson, Bennett, Carter, Dawson, Ellis, Fletcher, Griffin, Hughes, Ingram, Jefferson, Keller, Lawson, "
        "Mitchell, Norwood, Palmer, Quimby, Reynolds, Sutton, Thatcher, Underhill, Vaughn, Whitaker, Yates, Baxter, "
        "Coleman, Dixon, Freeman, Holloway, Washburn, Tolliver",
    ),
    "irish": pool(
        5,
        "Aoife, Siobhán, Niamh, Ciarán, Oisín, Róisín, Fionn, Saoirse, Cormac, Declan, Orla, Eoin",
        "O'Brien, O'Connell, O'Dea, O'Rourke, O’Malley, O’Shea, McCarthy, O'Donnell, FitzGerald, Doyle, Gallagher",
    ),
    "spanish": pool(
        24,
        "Sofía, Mateo, Valentina, Santiago, Camila, Diego, Lucía, Andrés, Ximena, Joaquín, María José, José Luis, "
        "Renata, Emiliano, Itzel, Ángel, Guadalupe, Adrián, Begoña, Iñaki, Paloma, Raúl, Araceli, Tomás, Esperanza, "
        "Óscar, Marisol, Julián, Dulce, Nicolás",
        "García, Rodríguez, Martínez, Hernández, López, González, Pérez, Sánchez, Ramírez, Torres, Flores, Rivera, "
        "Gómez, Díaz, Cruz, Morales, Gutiérrez, Ortiz, Chávez, Núñez, Ibáñez, Peña, Muñoz, Quiñones, de la Cruz, "
        "del Río, Zúñiga, Vásquez, Castañeda, Treviño",
    ),
    "vietnamese": pool(
        6,
        "Thị Hương, Minh Anh, Quốc Bảo, Thùy Linh, Đức, Ngọc Lan, Tuấn Kiệt, Khánh Vy, Gia Huy, Bích Thảo, Phúc, Như Ý",
        "Nguyễn, Trần, Lê, Phạm, Huỳnh, Võ, Đặng, Bùi, Đỗ, Hồ, Ngô, Dương",
    ),
    "chinese": pool(
        6,
        "Siyuan=思远, Yuxuan=雨萱, Haoran=浩然, Zihan=子涵, Jiaqi=佳琪, Mingze=明泽, Xinyi=欣怡, Wei=伟, Meilin=美琳, "
        "Junjie=俊杰, Ruoxi=若曦, An=安",
        "Wang=王, Li=李, Zhang=张, Chen=陈, Liu=刘, Zhao=赵, Huang=黄, Zhou=周, Wu=吴, Xu=徐, Ouyang=欧阳, Lin=林",
    ),
    "korean": pool(
        4,
        "Seo-yeon=서연, Min-jun=민준, Ji-woo=지우, Ha-eun=하은, Do-yun=도윤, Ye-jin=예진, Joon=준, Soo-ah=수아, Hyun-woo=현우",
        "Kim=김, Lee=이, Park=박, Choi=최, Jung=정, Kang=강, Yoon=윤, O=오, Shin=신",
    ),
    "hmong": pool(
        6,
        "Mai Nhia, Pa Kou, Kao Nou, Tou Ger, Chue, Nhia, Gao Sheng, Bee Yeng, Xeng, Pahoua, Ka Ying, Fue, Mai See",
        "Xiong, Vang, Yang, Lor, Moua, Thao, Her, Vue, Cha, Lee, Khang, Hang, Yaj, Tsab",
    ),
    "arabic": pool(
        6,
        "Layla=ليلى, Omar=عمر, Yasmin=ياسمين, Karim=كريم, Nour=نور, Hassan=حسن, Salma=سلمى, Tariq=طارق, Mariam=مريم, "
        "Khalid=خالد, Rania=رانيا, Abdul-Rahman=عبد الرحمن",
        "al-Masri=المصري, Haddad=حداد, Khoury=خوري, al-Hashimi=الهاشمي, Nasser=ناصر, Saleh=صالح, Mansour=منصور, "
        "Bin Yusuf=بن يوسف, Darwish=درويش, al-Najjar=النجار",
    ),
    "polish": pool(
        4,
        "Zofia, Łukasz, Małgorzata, Wojciech, Agnieszka, Michał, Bożena, Stanisław, Żaneta, Paweł, Świętosława",
        "Nowak, Kowalczyk, Wójcik, Woźniak, Mazur, Wróbel, Brzęczyszczykiewicz, Łuczak, Piątek, Żak",
    ),
    "yoruba": pool(
        4,
        "Olúwaṣeun, Adébáyọ̀, Títílayọ̀, Ọláṣubọ̀mí, Ayọ̀délé, Fọláṣadé, Kẹ́hìndé, Táíwò, Ìyábọ̀, Babátúndé",
        "Adéyẹmí, Ọlátúnjí, Bánkọ́lé, Ṣóyínká-Cole, Akínwándé, Ògúnlẹ́sì, Fálọlá, Ọ̀ṣúnkúnlé",
    ),
    "hindi": pool(
        5,
        "Aarav=आरव, Ananya=अनन्या, Ishaan=ईशान, Diya=दीया, Rohan=रोहन, Kavya=काव्या, Arjun=अर्जुन, Priya=प्रिया, "
        "Vivaan=विवान, Meera=मीरा",
        "Sharma=शर्मा, Patel=पटेल, Gupta=गुप्ता, Verma=वर्मा, Iyer=अय्यर, Reddy=रेड्डी, Chaudhary=चौधरी, Singh=सिंह, Joshi=जोशी",
    ),
    "turkish": pool(
        3,
        "İbrahim, Işıl, Çağla, Ümit, Şebnem, Gökçe, Yiğit, İpek, Oğuz, Sıla",
        "Yıldız, Kılıç, Şahin, Öztürk, Işık, Çelik, İnan, Doğan, Aydın",
    ),
    "hawaiian": pool(
        3,
        "Keʻalohi, Leilani, Kaʻimi, Nālani, Kekoa, Hōkū, Kealiʻi, Kalā, Puanani",
        "Kahaleʻuahi, Kealoha, Nāone, Kaʻaihue, Mahoe, Keliʻikoa, ʻAkana, Kapuāʻala",
    ),
    "german": pool(
        3,
        "Jürgen, Greta, Matthias, Käthe, Björn, Annika, Søren, Åsa, Þóra",
        "Müller, Schröder, Weiß, Große-Lindemann, Bergström, Østergaard, Bjørnstad, van der Meer, Nuñez-Weiß",
    ),
    "ukrainian": pool(
        1,
        "Oksana=Оксана, Taras=Тарас, Solomiya=Соломія, Bohdan=Богдан, Yaryna=Ярина, Danylo=Данило",
        "Kovalenko=Коваленко, Shevchuk=Шевчук, Melnyk=Мельник, Boyko=Бойко, Hrytsenko=Гриценко",
    ),
}
# How often a family of these pools writes its names in its own script.
OWN_SCRIPT_PERCENT = {"chinese": 40, "korean": 25, "arabic": 35, "hindi": 30, "ukrainian": 50}

# Names every import should survive:
# (given, family, ASCII given, ASCII family, pool for the guardians' given names).
HARD_NAMES = [
    ("J", "Fairbanks", "j", "fairbanks", "english"),
    ("Y", "O", "y", "o", "korean"),
    ("Ng", "U", "ng", "u", "vietnamese"),
    ("X", "Æ", "x", "ae", "german"),
    ("María de los Ángeles Guadalupe", "Fernández de Córdoba y Villavicencio", "maria", "fernandez", "spanish"),
    ("Chatupholpitak", "Rattanawongsaphatthananukul", "chatupholpitak", "rattanawongsa", "english"),
    ("Wickramasinghearachchige Don", "Jayasuriya-Ranasinghe", "wickrama", "jayasuriya", "english"),
    ("Anna-Lena Sophie-Charlotte", "Freifrau von Hohenberg-Altenstein", "annalena", "hohenberg", "german"),
    ("Marcus", "Whitfield, Jr.", "marcus", "whitfield", "english"),
    ('Robert "Bo"', "Castellano", "robert", "castellano", "spanish"),
    # The same letters as "José Peña", each accent a character of its own (NFD).
    ("Jose\u0301", "Pen\u0303a", "jose", "pena", "spanish"),
    ("D'Angelo", "St. John-Smythe", "dangelo", "stjohnsmythe", "english"),
    ("ʻIolana", "Kaʻōnohi", "iolana", "kaonohi", "hawaiian"),
    ("Nguyệt Ánh", "Tôn Thất", "anh", "tonthat", "vietnamese"),
    # Two pupils of one name; only the user names tell them apart.
    ("Emma", "Carter", "emma", "carter", "english"),
    ("Emma", "Carter", "emma", "carter", "english"),
]

PLAIN = str.maketrans({
    "ı": "i", "İ": "i", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ø": "o", "Ø": "o",
    "ß": "ss", "æ": "ae", "Æ": "ae", "þ": "th", "Þ": "th", "ʻ": "", "'": "", "’": "",
})


def ascii_letters(name):
    """The name in a to z, for user names and addresses."""
    flat = unicodedata.normalize("NFD", name.translate(PLAIN))
    return re.sub(r"[^a-z]", "", flat.encode("ascii", "ignore").decode().lower())


def split_name(entry):
    """("latin spelling", "own spelling") of a pool entry."""
    latin, _, own = entry.partition("=")
    return latin, own or latin


class UserNames:
    """Hands out user names: given.family, then given.family2 and so on."""

    def __init__(self):
        self.taken = set()

    def take(self, given, family):
        stem = f"{given[:12]}.{family[:14]}".strip(".")
        name, n = stem, 1
        while name in self.taken:
            n += 1
            name = f"{stem}{n}"
        self.taken.add(name)
        return name


# --- the district ---------------------------------------------------------

USER_COLUMNS = [
    "sourcedId", "status", "dateLastModified", "enabledUser", "orgSourcedIds", "role", "username", "userIds",
    "givenName", "familyName", "middleName", "identifier", "email", "sms", "phone", "agentSourcedIds", "grades",
    "password", "metadata.identityProvider",
]
ORG_COLUMNS = ["sourcedId", "status", "dateLastModified", "name", "type", "identifier", "parentSourcedId"]
SESSION_COLUMNS = [
    "sourcedId", "status", "dateLastModified", "title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear",
]
COURSE_COLUMNS = [
    "sourcedId", "status", "dateLastModified", "schoolYearSourcedId", "title", "courseCode", "grades", "orgSourcedId",
    "subjects", "subjectCodes",
]
CLASS_COLUMNS = [
    "sourcedId", "status", "dateLastModified", "title", "grades", "courseSourcedId", "classCode", "classType",
    "location", "schoolSourcedId", "termSourcedIds", "subjects", "subjectCodes", "periods",
]
ENROLLMENT_COLUMNS = [
    "sourcedId", "status", "dateLastModified", "classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary",
    "beginDate", "endDate",
]

SUMMER = "2026-08-03T15:00:00.000Z"  # when the school year was set up
YEAR = "ses-2026-27"
TERMS = ["ses-2026-fall", "ses-2027-spring"]


def school_of(grade):
    if grade in LOWER:
        return ELEMENTARY
    return MIDDLE if grade in MIDDLE_GRADES else HIGH


def grade_title(grade):
    return {"PK": "Prekindergarten", "KG": "Kindergarten"}.get(grade) or f"Grade {int(grade)}"


class District:
    def __init__(self):
        self.chance = Chance(SEED)
        self.user_names = UserNames()
        self.users = []
        self.numbers = self.chance.shuffled(
            f"+1{area}55501{last:02}" for area in (303, 505, 719, 720, 970, 208, 307, 385) for last in range(100)
        )
        self.pupils = []
        # Full names given out, beginning with ones everybody would recognise.
        self.full_names = {("Diego", "Rivera"), ("Emma", "Carter")}

    # Small makers

    def moment(self):
        """Some time in the autumn of 2026, in working hours."""
        days = [f"2026-08-{d:02}" for d in range(17, 32)] + [f"2026-09-{d:02}" for d in range(1, 31)]
        days += [f"2026-10-{d:02}" for d in range(1, 31)]
        c = self.chance
        return f"{c.pick(days)}T{13 + c.below(9):02}:{c.below(60):02}:{c.below(60):02}.000Z"

    def number(self):
        return self.numbers.pop()

    def user(self, **fields):
        row = dict.fromkeys(USER_COLUMNS, "")
        row.update(status="active", enabledUser="true", dateLastModified=self.moment())
        row.update(fields)
        self.users.append(row)
        return row

    def person(self, origin, own_script=False, family=None, used=None, guardian=False):
        """(given, family, ASCII given, ASCII family), with no given name of `used`.

        Pupils and staff have a full name each; guardians may be namesakes.
        """
        used = set() if used is None else used
        family = family or self.chance.pick(POOLS[origin]["family"])
        free = [g for g in POOLS[origin]["given"] if g not in used]
        fresh = free if guardian else [g for g in free if (g, family) not in self.full_names]
        entry = self.chance.pick(fresh or free)
        used.add(entry)
        if not guardian:
            self.full_names.add((entry, family))
        given_latin, given_own = split_name(entry)
        family_latin, family_own = split_name(family)
        shown = (given_own, family_own) if own_script else (given_latin, family_latin)
        return (*shown, ascii_letters(given_latin), ascii_letters(family_latin))

    def origin(self):
        return self.chance.weighted([(name, p["weight"]) for name, p in POOLS.items()])

    # Staff

    def staff(self, sourced_id, role, orgs):
        given, family, plain_given, plain_family = self.person(self.origin())
        username = self.user_names.take(plain_given, plain_family)
        self.user(
            sourcedId=sourced_id, role=role, orgSourcedIds=",".join(orgs), username=username, givenName=given,
            familyName=family, identifier=sourced_id[-4:], email=f"{username}@staff.larkspurvalley.example.org",
            sms=self.number() if self.chance.percent(30) else "",
        )

    def make_staff(self):
        for n in range(3):
            self.staff(f"adm-90{n + 1:02}", "administrator", [DISTRICT])
        for n, school in enumerate((ELEMENTARY, MIDDLE, HIGH)):
            self.staff(f"adm-91{n + 1:02}", "administrator", [school])
        for n, school in enumerate((ELEMENTARY,) * 4 + (MIDDLE, HIGH)):
            self.staff(f"aid-92{n + 1:02}", "aide", [school])
        self.teachers = {ELEMENTARY: [], MIDDLE: [], HIGH: []}
        plan = [[ELEMENTARY]] * 17 + [[MIDDLE]] * 11 + [[MIDDLE, HIGH]] * 2 + [[HIGH]] * 15
        for n, schools in enumerate(plan):
            sourced_id = f"tch-2{n + 1:03}"
            self.staff(sourced_id, "teacher", schools)
            for school in schools:
                self.teachers[school].append(sourced_id)

    # Families

    def make_families(self):
        """Groups all places into families and decides how each is reached."""
        chance = self.chance
        places = chance.shuffled(g for grade in GRADES for g in [grade] * PUPILS_PER_GRADE[grade])
        alone = [{"grades": [places.pop()], "contact": "none"} for _ in range(UNREACHABLE_ALONE)]
        pairs = [{"grades": [places.pop(), places.pop()], "contact": "none"} for _ in range(UNREACHABLE_PAIRS)]
        families = []
        while places:
            size = min(len(places), chance.weighted([(1, 66), (2, 25), (3, 7), (4, 2)]))
            grades = [places.pop() for _ in range(size)]
            if any(grade in LOWER for grade in grades):
                contact = chance.weighted([("email", 74), ("sms", 26)])
            else:
                contact = chance.weighted([("unlisted", 72), ("email", 20), ("sms", 8)])
            families.append({"grades": grades, "contact": contact})
        families = chance.shuffled(families + alone + pairs)
        hard = list(HARD_NAMES)
        for number, family in enumerate(families):
            family.update(hard=None, used=set())
            if hard and number % 11 == 7 and len(family["grades"]) == 1 and family["contact"] != "none":
                family["hard"] = hard.pop(0)
                family.update(origin=family["hard"][4], own_script=False, name=None)
                continue
            family["origin"] = self.origin()
            family["own_script"] = chance.percent(OWN_SCRIPT_PERCENT.get(family["origin"], 0))
            name = chance.pick(POOLS[family["origin"]]["family"])
            if "=" not in name and "-" not in name and " " not in name and chance.percent(7):
                other = split_name(chance.pick(POOLS[self.origin()]["family"]))[0]
                if "-" not in other and " " not in other and other != name:
                    name = f"{name}-{other}"
            family["name"] = name
        assert not hard, "not every hard name found a place"
        return families

    def make_guardians(self, family, number):
        """Adds the family's guardians; returns their identifiers."""
        chance = self.chance
        contact = family["contact"]
        if contact == "unlisted" or (contact == "none" and number % 2 == 0):
            return []
        schools = sorted({school_of(grade) for grade in family["grades"]})
        ids, shared = [], ""
        for n in range(2 if chance.percent(26) else 1):
            own_name = None if chance.percent(12) else family["name"]
            given, name, plain_given, plain_family = self.person(
                family["origin"], family["own_script"], own_name, family["used"], guardian=True
            )
            if family["hard"]:
                name, plain_family = family["hard"][1].removesuffix(", Jr."), family["hard"][3]
            username = self.user_names.take(plain_given, plain_family)
            email = sms = ""
            if contact == "email" and n == 0:
                domain = chance.pick(["mail.example.com", "post.example.net", "inbox.example.org", "home.example.net"])
                local = username
                style = chance.below(40)
                if style == 0:
                    local += "+school"
                elif style == 1:
                    local = ".".join(part.capitalize() for part in local.split("."))
                email = shared = f"{local}@{domain}"
                sms = self.number() if chance.percent(25) else ""
            elif contact == "email":
                # The second one shares the address, has a telephone, or neither.
                how = chance.below(3)
                email = shared if how == 0 else ""
                sms = self.number() if how == 1 else ""
            elif contact == "sms" and n == 0:
                sms = self.number()
            self.guardians += 1
            row = self.user(
                sourcedId=f"gdn-3{self.guardians:03}", role=chance.weighted([("parent", 70), ("guardian", 30)]),
                orgSourcedIds=",".join(schools), username=username, givenName=given, familyName=name, email=email,
                sms=sms, phone=sms if chance.percent(50) else "",
            )
            ids.append(row["sourcedId"])
        return ids

    def make_pupils(self):
        chance = self.chance
        self.guardians = 0
        for number, family in enumerate(self.make_families()):
            guardians = self.make_guardians(family, number)
            for grade in family["grades"]:
                given, name, plain_given, plain_family = self.person(
                    family["origin"], family["own_script"], family["name"], family["used"]
                )
                if family["hard"]:
                    given, name, plain_given, plain_family = family["hard"][:4]
                middle = ""
                if chance.percent(18) and not family["own_script"]:
                    middle = split_name(chance.pick(POOLS[family["origin"]]["given"]))[0]
                pupil = self.user(
                    role="student", orgSourcedIds=school_of(grade),
                    username=self.user_names.take(plain_given, plain_family), givenName=given, familyName=name,
                    middleName=middle if middle != given else "", agentSourcedIds=",".join(guardians), grades=grade,
                )
                self.give_contact(pupil, family)
                self.pupils.append(pupil)
        # Numbers run by grade, so a list of identifiers reads like a roll.
        self.pupils.sort(key=lambda p: (GRADES.index(p["grades"]), p["username"]))
        for n, pupil in enumerate(self.pupils):
            pupil["sourcedId"] = f"stu-10{n + 1:04}"
            pupil["identifier"] = f"{410000 + 7 * n}"

    def give_contact(self, pupil, family):
        chance = self.chance
        grade, contact = pupil["grades"], family["contact"]
        if contact == "none":
            return
        if grade in LOWER:
            has_email = grade in ("04", "05") and chance.percent(14)
        else:
            has_email = contact == "unlisted" or chance.percent(82)
        if contact == "unlisted" and grade in HIGH_GRADES and chance.percent(9):
            # No address at all, but a telephone of their own.
            pupil["sms"] = self.number()
            return
        if has_email:
            domain = chance.weighted([("pupils.larkspurvalley.example.org", 70), ("mail.example.net", 30)])
            pupil["email"] = f"{pupil['username']}@{domain}"
            if grade in HIGH_GRADES and chance.percent(15):
                pupil["sms"] = self.number()

    def mark_pupils(self):
        """Inactive and externally managed accounts, spread over the grades."""
        nobody = {p["sourcedId"] for p in self.pupils if self.outcome_of(p) == "unreachable"}
        order = self.chance.shuffled(p for p in self.pupils if p["sourcedId"] not in nobody)
        for _ in range(DISABLED):
            order.pop()["enabledUser"] = "false"
        for _ in range(LEAVING):
            order.pop()["status"] = "tobedeleted"
        for provider, count in (("clever", CLEVER), ("classlink", CLASSLINK)):
            for _ in range(count):
                pupil = order.pop()
                pupil["metadata.identityProvider"] = provider
                pupil["userIds"] = f"{{{provider}:{self.chance.next():016x}}}"

    def outcome_of(self, pupil):
        return outcome(pupil, {u["sourcedId"]: u for u in self.users})

    # Classes

    def make_classes(self):
        self.courses, self.classes, self.enrollments = [], [], []
        begin, end = "2026-08-19", "2027-06-04"

        def course(sourced_id, title, code, grade, subject=""):
            self.courses.append({
                "sourcedId": sourced_id, "status": "active", "dateLastModified": SUMMER, "schoolYearSourcedId": YEAR,
                "title": title, "courseCode": code, "grades": grade, "orgSourcedId": school_of(grade),
                "subjects": subject, "subjectCodes": "",
            })

        def klass(sourced_id, course_id, title, code, kind, grade, room, subject, period):
            self.classes.append({
                "sourcedId": sourced_id, "status": "active", "dateLastModified": SUMMER, "title": title,
                "grades": grade, "courseSourcedId": course_id, "classCode": code, "classType": kind,
                "location": f"Room {room}", "schoolSourcedId": school_of(grade), "termSourcedIds": ",".join(TERMS),
                "subjects": subject, "subjectCodes": "", "periods": period,
            })

        def enroll(class_id, grade, user_id, role, primary="", status="active"):
            self.enrollments.append({
                "sourcedId": f"enr-{len(self.enrollments) + 1:05}", "status": status, "dateLastModified": SUMMER,
                "classSourcedId": class_id, "schoolSourcedId": school_of(grade), "userSourcedId": user_id,
                "role": role, "primary": primary, "beginDate": begin, "endDate": end,
            })

        turn = {school: 0 for school in self.teachers}

        def teacher_for(grade):
            school = school_of(grade)
            turn[school] += 1
            return self.teachers[school][(turn[school] - 1) % len(self.teachers[school])]

        aides = [u["sourcedId"] for u in self.users if u["role"] == "aide"]
        for g, grade in enumerate(GRADES):
            pupils = [p for p in self.pupils if p["grades"] == grade]
            word = "Homeroom" if grade in LOWER else "Advisory"
            course(f"crs-hr-{grade.lower()}", f"{grade_title(grade)} {word}", f"HR{grade}", grade)
            sections = []
            for s, letter in enumerate("AB"):
                class_id = f"cls-hr-{grade.lower()}{letter.lower()}"
                sections.append(pupils[s::2])
                klass(class_id, f"crs-hr-{grade.lower()}", f"{grade_title(grade)} {word} {letter}",
                      f"HR{grade}{letter}", "homeroom", grade, 100 + 10 * g + s, "", "1")
                enroll(class_id, grade, teacher_for(grade), "teacher", "true")
                if grade in ("PK", "KG"):
                    # OneRoster 1.1 has no aide in a class; aides help as second teachers.
                    enroll(class_id, grade, aides[(2 * g + s) % 4], "teacher", "false")
                for p in sections[s]:
                    enroll(class_id, grade, p["sourcedId"], "student", "", p["status"])
            if grade in LOWER:
                continue
            subjects = [("ela", "English Language Arts"), ("mat", "Mathematics"), ("sci", "Science"),
                        ("soc", "Social Studies")]
            for k, (short, subject) in enumerate(subjects):
                course_id = f"crs-{short}-{grade}"
                course(course_id, f"{subject} {int(grade)}", f"{short.upper()}{grade}", grade, subject)
                for s, letter in enumerate("AB"):
                    class_id = f"cls-{short}-{grade}{letter.lower()}"
                    klass(class_id, course_id, f"{subject} {int(grade)}, Section {letter}",
                          f"{short.upper()}{grade}{letter}", "scheduled", grade, 100 + 10 * g + 2 + k, subject,
                          str(2 + (k + 2 * s) % 6))
                    enroll(class_id, grade, teacher_for(grade), "teacher", "true")
                    for p in sections[s]:
                        enroll(class_id, grade, p["sourcedId"], "student", "", p["status"])

    # Everything

    def build(self):
        self.make_staff()
        self.make_pupils()
        self.mark_pupils()
        self.make_classes()
        order = {"administrator": 0, "aide": 1, "teacher": 2, "student": 3, "guardian": 4, "parent": 4}
        self.users.sort(key=lambda u: (order[u["role"]], u["sourcedId"]))
        present = ["academicSessions", "classes", "courses", "enrollments", "orgs", "users"]
        all_files = ["academicSessions", "categories", "classes", "classResources", "courses", "courseResources",
                     "demographics", "enrollments", "lineItems", "orgs", "resources", "results", "users"]
        manifest = [("manifest.version", "1.0"), ("oneroster.version", "1.1")]
        manifest += [(f"file.{name}", "bulk" if name in present else "absent") for name in all_files]
        manifest += [("source.systemName", "Keybell sample district"), ("source.systemCode", "keybell-sample")]
        orgs = [
            (DISTRICT, "Larkspur Valley School District", "district", "0800000", ""),
            (ELEMENTARY, "Meadowlark Elementary School", "school", "080000000101", DISTRICT),
            (MIDDLE, "Cottonwood Creek Middle School", "school", "080000000201", DISTRICT),
            (HIGH, "Larkspur Valley High School", "school", "080000000301", DISTRICT),
        ]
        sessions = [
            (YEAR, "School Year 2026-2027", "schoolYear", "2026-08-19", "2027-06-04", ""),
            (TERMS[0], "Fall Semester 2026", "semester", "2026-08-19", "2026-12-18", YEAR),
            (TERMS[1], "Spring Semester 2027", "semester", "2027-01-05", "2027-06-04", YEAR),
        ]
        return {
            "manifest.csv": table(["propertyName", "value"], manifest),
            "orgs.csv": table(ORG_COLUMNS, [(o[0], "active", SUMMER, *o[1:]) for o in orgs]),
            "academicSessions.csv": table(SESSION_COLUMNS, [(s[0], "active", SUMMER, *s[1:], "2027") for s in sessions]),
            "courses.csv": table(COURSE_COLUMNS, [[r[c] for c in COURSE_COLUMNS] for r in self.courses]),
            "classes.csv": table(CLASS_COLUMNS, [[r[c] for c in CLASS_COLUMNS] for r in self.classes]),
            "enrollments.csv": table(ENROLLMENT_COLUMNS, [[r[c] for c in ENROLLMENT_COLUMNS] for r in self.enrollments]),
            "users.csv": table(USER_COLUMNS, [[r[c] for c in USER_COLUMNS] for r in self.users]),
        }


def table(columns, rows):
    """RFC 4180 text with line feeds, quotes only where needed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


# --- reading it back ------------------------------------------------------

OUTCOMES = [
    ("own e-mail", "an e-mail address of their own"),
    ("guardian e-mail", "none of their own, but a guardian's e-mail address"),
    ("SMS only", "no e-mail address anywhere, but a telephone (their own or a guardian's)"),
    ("unreachable", "nothing for the pupil, nothing for a guardian"),
    ("SSO", "`metadata.identityProvider` is `clever` or `classlink`"),
    ("inactive", "`enabledUser` is `false`, or `status` is `tobedeleted`"),
]


def outcome(pupil, users):
    """Exactly one of OUTCOMES; the last two come before any address."""
    if pupil["status"] == "tobedeleted" or pupil["enabledUser"] == "false":
        return "inactive"
    if pupil["metadata.identityProvider"]:
        return "SSO"
    guardians = [users[a] for a in pupil["agentSourcedIds"].split(",") if a]
    if pupil["email"]:
        return "own e-mail"
    if any(g["email"] for g in guardians):
        return "guardian e-mail"
    if pupil["sms"] or any(g["sms"] for g in guardians):
        return "SMS only"
    return "unreachable"


def check(files):
    """Raises AssertionError at the first thing a OneRoster reader would trip over."""
    data = {name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in files.items()}
    manifest = {r["propertyName"]: r["value"] for r in data["manifest.csv"]}
    assert manifest["oneroster.version"] == "1.1"
    listed = {f"{k[5:]}.csv" for k, v in manifest.items() if k.startswith("file.") and v == "bulk"}
    assert listed | {"manifest.csv"} == set(files), "manifest and files differ"

    index = {}
    for name, rows in data.items():
        assert "\r" not in files[name] and files[name].endswith("\n") and not files[name].startswith("\ufeff")
        assert all(None not in r and None not in r.values() for r in rows), f"{name}: ragged row"
        if name == "manifest.csv":
            continue
        index[name] = {r["sourcedId"]: r for r in rows}
        assert len(index[name]) == len(rows), f"{name}: sourcedId twice"
        for r in rows:
            assert r["status"] in ("active", "tobedeleted")
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", r["dateLastModified"])

    def refs(file, row, column, target, many=False, required=True):
        values = row[column].split(",") if many else [row[column]]
        for value in values:
            assert value in index[target] or (not required and row[column] == ""), f"{file} {column}: {value!r}"

    for r in data["orgs.csv"]:
        refs("orgs", r, "parentSourcedId", "orgs.csv", required=False)
    for r in data["academicSessions.csv"]:
        refs("academicSessions", r, "parentSourcedId", "academicSessions.csv", required=False)
        assert r["startDate"] < r["endDate"]
    for r in data["courses.csv"]:
        refs("courses", r, "schoolYearSourcedId", "academicSessions.csv")
        refs("courses", r, "orgSourcedId", "orgs.csv")
        assert r["grades"] in GRADES
    for r in data["classes.csv"]:
        refs("classes", r, "courseSourcedId", "courses.csv")
        refs("classes", r, "schoolSourcedId", "orgs.csv")
        refs("classes", r, "termSourcedIds", "academicSessions.csv", many=True)
        assert r["grades"] in GRADES and r["classType"] in ("homeroom", "scheduled")

    users = index["users.csv"]
    names, numbers = set(), []
    for r in data["users.csv"]:
        refs("users", r, "orgSourcedIds", "orgs.csv", many=True)
        refs("users", r, "agentSourcedIds", "users.csv", many=True, required=False)
        assert r["role"] in ("administrator", "aide", "guardian", "parent", "student", "teacher")
        assert r["enabledUser"] in ("true", "false") and r["password"] == ""
        assert re.fullmatch(r"[a-z]+\.[a-z]+[0-9]*", r["username"]), r["username"]
        assert r["username"] not in names, f"user name twice: {r['username']}"
        names.add(r["username"])
        assert r["givenName"].strip() == r["givenName"] != "" and r["familyName"].strip() == r["familyName"] != ""
        assert r["email"] == "" or re.fullmatch(
            r"[A-Za-z0-9.+]+@([a-z]+\.)+example\.(org|com|net)", r["email"]), r["email"]
        for column in ("sms", "phone"):
            assert r[column] == "" or re.fullmatch(r"\+1[2-9]\d\d55501\d\d", r[column])
        assert r["phone"] in ("", r["sms"])
        numbers += [r["sms"]] if r["sms"] else []
        assert (r["grades"] in GRADES) == (r["role"] == "student")
        assert r["metadata.identityProvider"] in ("", "clever", "classlink")
        if r["role"] == "student":
            assert r["orgSourcedIds"] == school_of(r["grades"])
            for agent in filter(None, r["agentSourcedIds"].split(",")):
                assert users[agent]["role"] in ("guardian", "parent")
                assert r["orgSourcedIds"] in users[agent]["orgSourcedIds"].split(",")
        else:
            assert not r["agentSourcedIds"] and not r["metadata.identityProvider"]
    assert len(numbers) == len(set(numbers)), "telephone number twice"
    linked = {a for r in users.values() for a in r["agentSourcedIds"].split(",") if a}
    assert linked == {k for k, r in users.items() if r["role"] in ("guardian", "parent")}, "guardian of nobody"

    homeroom, staffed = {}, set()
    for r in data["enrollments.csv"]:
        refs("enrollments", r, "classSourcedId", "classes.csv")
        refs("enrollments", r, "schoolSourcedId", "orgs.csv")
        refs("enrollments", r, "userSourcedId", "users.csv")
        a_class, user = index["classes.csv"][r["classSourcedId"]], users[r["userSourcedId"]]
        assert r["schoolSourcedId"] == a_class["schoolSourcedId"]
        assert r["schoolSourcedId"] in user["orgSourcedIds"].split(",")
        assert r["role"] in ("student", "teacher") and (r["role"] == "student") == (user["role"] == "student")
        if r["role"] == "student":
            assert user["grades"] == a_class["grades"]
            if a_class["classType"] == "homeroom":
                assert user["sourcedId"] not in homeroom, "two homerooms"
                homeroom[user["sourcedId"]] = a_class["sourcedId"]
        elif r["primary"] == "true":
            assert a_class["sourcedId"] not in staffed, "two primary teachers"
            staffed.add(a_class["sourcedId"])
    assert set(homeroom) == {k for k, r in users.items() if r["role"] == "student"}, "pupil without a homeroom"
    assert staffed == set(index["classes.csv"]), "class without a primary teacher"
    teaching = {r["userSourcedId"] for r in data["enrollments.csv"] if r["role"] == "teacher"}
    return data, users, teaching


def counts(data, users):
    """The README tables, from the CSV text alone."""
    pupils = [r for r in data["users.csv"] if r["role"] == "student"]
    tally = {key: [0, 0] for key, _ in OUTCOMES}
    for p in pupils:
        tally[outcome(p, users)][0 if p["grades"] in LOWER else 1] += 1
    lines = ["| Outcome | Pupils | PK–5 | 6–12 | Meaning |", "|---|--:|--:|--:|---|"]
    for key, meaning in OUTCOMES:
        low, up = tally[key]
        lines.append(f"| {key} | {low + up} | {low} | {up} | {meaning} |")
    low, up = sum(t[0] for t in tally.values()), sum(t[1] for t in tally.values())
    lines.append(f"| **all pupils** | **{low + up}** | {low} | {up} | |")

    def number(test, rows=pupils):
        return sum(1 for r in rows if test(r))

    guardians = [r for r in data["users.csv"] if r["role"] in ("guardian", "parent")]
    disabled = number(lambda p: p["enabledUser"] == "false")
    leaving = number(lambda p: p["status"] == "tobedeleted")
    sso = [number(lambda p, n=n: p["metadata.identityProvider"] == n) for n in ("clever", "classlink")]
    alone = number(lambda p: outcome(p, users) == "unreachable" and not p["agentSourcedIds"])
    own_sms = number(lambda p: outcome(p, users) == "SMS only" and p["sms"])
    unreachable, sms_only = sum(tally["unreachable"]), sum(tally["SMS only"])
    roles = {}
    for r in data["users.csv"]:
        roles[r["role"]] = roles.get(r["role"], 0) + 1
    district = number(lambda r: r["role"] == "administrator" and r["orgSourcedIds"] == DISTRICT, data["users.csv"])
    grades = ", ".join(f"{g} {number(lambda p, g=g: p['grades'] == g)}" for g in GRADES)
    homerooms = number(lambda c: c["classType"] == "homeroom", data["classes.csv"])
    lines += [
        "",
        f"- Inactive: {disabled} with `enabledUser` `false`, {leaving} with `status` `tobedeleted`; no pupil is both.",
        f"- SSO: {sso[0]} `clever`, {sso[1]} `classlink`; all of them active.",
        f"- SMS only: {own_sms} through the pupil's own telephone, {sms_only - own_sms} through a guardian's.",
        f"- Unreachable: {alone} without any guardian on record, {unreachable - alone} whose guardians have no address.",
        f"- Pupils by grade: {grades}.",
        f"- Rows in `users.csv`: {len(data['users.csv'])}. Pupils {roles['student']}; teachers {roles['teacher']};"
        f" administrators {roles['administrator']} ({roles['administrator'] - district} principals, {district} in the"
        f" district office); aides {roles['aide']}; guardians {len(guardians)} ({roles['parent']} `parent`,"
        f" {roles['guardian']} `guardian`), of whom {number(lambda g: g['email'], guardians)} have an e-mail address,"
        f" {number(lambda g: g['sms'] and not g['email'], guardians)} only a telephone and"
        f" {number(lambda g: not g['sms'] and not g['email'], guardians)} neither.",
        f"- Organisations {len(data['orgs.csv'])}, sessions {len(data['academicSessions.csv'])}, courses"
        f" {len(data['courses.csv'])}, classes {len(data['classes.csv'])} ({homerooms} homerooms), enrollments"
        f" {len(data['enrollments.csv'])}.",
    ]
    return "\n".join(lines)


BEGIN, END = "<!-- counts: written by generate.py -->", "<!-- end of counts -->"


def main():
    files = District().build()
    data, users, teaching = check(files)
    idle = [k for k, r in users.items() if r["role"] == "teacher" and k not in teaching]
    summary = counts(data, users)
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    before, rest = readme.split(BEGIN)
    files["README.md"] = f"{before}{BEGIN}\n{summary}\n{END}{rest.split(END)[1]}"
    print(summary)
    if idle:
        print(f"\nTeachers without a class (specialists): {', '.join(idle)}")
    if "--check" in sys.argv[1:]:
        stale = [n for n, text in files.items()
                 if not (HERE / n).exists() or (HERE / n).read_bytes() != text.encode("utf-8")]
        if stale:
            sys.exit(f"differs from what this script writes: {', '.join(stale)}")
        print("\nAll files are as this script writes them.")
        return
    for name, text in files.items():
        (HERE / name).write_bytes(text.encode("utf-8"))


if __name__ == "__main__":
    main()
