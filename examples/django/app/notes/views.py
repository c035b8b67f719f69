from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from notes.models import Note


@csrf_exempt
def notes(request):
    if request.method == "POST":
        note = Note.objects.create(text=request.body.decode())
        return JsonResponse({"id": note.id}, status=201)
    return JsonResponse({"notes": list(Note.objects.order_by("id").values_list("text", flat=True))})


def metrics(request):
    return HttpResponse(f"# TYPE notes gauge\nnotes {Note.objects.count()}\n", content_type="text/plain")
